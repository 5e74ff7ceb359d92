#!/usr/bin/env bash
# Reports how old each CRL is as relying parties see it: over plain http, through the edge. For cron on the
# publishing host, every five minutes. A CRL that cannot be fetched or read sends no figure, and the alarm
# takes an absent figure as bad news.
#
#   push-crl-age.sh REPOSITORY BASE_URL ISSUER...
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: push-crl-age.sh REPOSITORY BASE_URL ISSUER..." >&2; exit 2; }
repository=$1 base=$2
shift 2
failed=0
for issuer in "$@"; do
  if ! issued=$(curl -sSf --max-time 20 "$base/crl/$issuer.crl" | openssl crl -inform DER -noout -lastupdate); then
    echo "push-crl-age: reading $base/crl/$issuer.crl: no CRL came" >&2
    failed=1
    continue
  fi
  age=$(($(date +%s) - $(date -d "${issued#lastUpdate=}" +%s)))
  aws cloudwatch put-metric-data --region us-east-1 --namespace Seihon --metric-name CRLAgeSeconds --unit Seconds \
    --dimensions "Repository=$repository,Issuer=$issuer" --value "$age" || failed=1
done
exit "$failed"
