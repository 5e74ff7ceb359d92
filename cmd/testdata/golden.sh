# Makes the repository that every script starts from: $1 is the folder, $2 its public address.
set -euo pipefail
mkdir -p "$1"/{ca,keys,secrets}
cd "$1"
chmod 700 secrets
for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$module" ] && break; done
publisher config init
# P-256 keys are made at once; RSA keys would take seconds.
key=${KEY:-algorithm: p256}
sed -i -e "s|module: .*|module: $module|" -e "s|base_url: .*|base_url: http://$2|" -e "s|\(parent: root\)|\1\n    key: {$key}|" \
  -e "s|- name: root|- name: root\n    key: {$key}|" -e "s|responder: {validity: 90d}|responder: {validity: 90d, key: {$key}}|" \
  -e "s|  issuer: sub\$|  issuer: sub\n  key: {$key}|" repository.yaml
# The keys of KEY may be in a token of their own, as the new HSM of a transition is.
if [ -n "${SECOND_MODULE:-}" ]; then
  sed -i -e '/^  module: /d; /^  softhsm_config: /d; /^  pin: /d' -e "s|^  token: repository|  tokens:\n\
    - {name: first, module: $module, softhsm_config: secrets/softhsm2.conf, token: repository, pin: {file: secrets/pin}}\n\
    - {name: second, module: $SECOND_MODULE, token: pq, pin: {file: secrets/pin}}|" repository.yaml
fi
# Each round of probes is on record at once, so that scripts need not wait an hour.
sed -i 's|^publication:|publication:\n  batch: 0s|' repository.yaml
umask 077
printf 1234-user >secrets/pin
printf 5678-officer >secrets/so-pin
umask 022
run() { "$@" --quiet; }
run signer init --init-token --so-pin-file secrets/so-pin
run signer keygen
for name in root sub sub-ocsp; do run signer issue --name $name --out ca/$name.pem; done
run signer issue --name document-signer
for name in good revoked; do
  openssl ecparam -name prime256v1 -genkey -noout -out ca/$name.key
  openssl req -new -key ca/$name.key -subj "/C=JP/O=Example/CN=$name" -out ca/$name.csr
  run signer issue --issuer sub --csr ca/$name.csr --out ca/$name.pem
done
run signer revoke --yes --issuer sub --certificate ca/revoked.pem --reason keyCompromise
run signer document --name cps --version 1.0 --file "$OLDPWD/../scripts/demo-cps.pdf"
run signer run
run publisher sync
