#!/usr/bin/env bash
# Makes a complete repository in .demo on SoftHSM, publishes it to .demo/public, asks it
# with OpenSSL and verifies it. A second run goes on where the first one ended.
set -euo pipefail
cd "$(dirname "$0")/.."

demo=.demo
conf=$demo/repository.yaml
signer() { bin/signer "$1" --config "$conf" --quiet "${@:2}"; }
publisher() { bin/publisher "$1" --config "$conf" --quiet "${@:2}"; }
say() { printf '\n== %s\n' "$*"; }

mkdir -p "$demo"/{ca,keys,secrets}
chmod 700 "$demo/secrets"

if [ ! -e "$conf" ]; then
  say "writing $conf"
  for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$module" ] && break; done
  bin/publisher config init --config "$conf"
  sed -i.bak -e "s|module: .*|module: $module|" -e 's|repository\.example|demo.example|' \
    -e 's|base_url: .*|base_url: http://127.0.0.1:8080|' -e 's|Example|Seihon Demo|g' "$conf"
  rm -f "$conf.bak"
fi
# The PINs of a demonstration. A real token has its own, known to its custodians only.
[ -e "$demo/secrets/pin" ] || (umask 077 && head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$demo/secrets/pin")
[ -e "$demo/secrets/so-pin" ] || (umask 077 && head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$demo/secrets/so-pin")

say "signing room: token, log keys, master log"
bin/publisher config check --config "$conf"
signer init --init-token --so-pin-file "$demo/secrets/so-pin"
signer keygen

say "signing room: a two-level CA, an OCSP signer, a document signer"
for name in root sub; do
  [ -e "$demo/ca/$name.pem" ] || signer issue --name "$name" --out "$demo/ca/$name.pem"
done
[ -e "$demo/ca/sub-ocsp.pem" ] || signer issue --name sub-ocsp --out "$demo/ca/sub-ocsp.pem"
[ -e "$demo/keys/document-signer.pem" ] || signer issue --name document-signer

say "signing room: two subscribers, one of them revoked"
for name in good revoked; do
  [ -e "$demo/ca/$name.key" ] || (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$demo/ca/$name.key")
  [ -e "$demo/ca/$name.csr" ] || openssl req -new -key "$demo/ca/$name.key" -subj "/C=JP/O=Demo/CN=$name" -out "$demo/ca/$name.csr"
  [ -e "$demo/ca/$name.pem" ] || signer issue --issuer sub --csr "$demo/ca/$name.csr" --out "$demo/ca/$name.pem"
done
if [ ! -e "$demo/ca/.revoked" ]; then
  signer revoke --yes --issuer sub --certificate "$demo/ca/revoked.pem" --reason keyCompromise
  touch "$demo/ca/.revoked"
fi

if [ ! -e "$demo/ca/.document" ]; then
  say "signing room: a signed CP/CPS"
  signer document --name cps --version 1.0 --file scripts/demo-cps.pdf
  touch "$demo/ca/.document"
fi

say "signing room: whatever is due"
signer run
signer status

say "publishing host: plan and sync"
publisher plan | tail -n 1
publisher sync

say "edge: the keyless responder, asked by OpenSSL"
log=$(mktemp)
# The program itself and not the function above: the number of a function's process is that of a shell, and
# killing that shell would leave the server running.
bin/publisher serve --config "$conf" --quiet --listen 127.0.0.1:0 >"$log" 2>"$log.err" &
pid=$!
stop() {
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$log" "$log.err"
}
trap stop EXIT
for _ in $(seq 100); do
  url=$(sed -n 's|^serving \(http://[0-9.:]*\).*|\1|p' "$log")
  [ -n "$url" ] && break
  kill -0 "$pid" 2>/dev/null || { cat "$log.err" >&2; exit 1; }
  sleep 0.1
done
for name in good revoked; do
  answer=$(openssl ocsp -issuer "$demo/ca/sub.pem" -cert "$demo/ca/$name.pem" -CAfile "$demo/ca/root.pem" \
    -verify_other "$demo/ca/sub.pem" -url "$url/ocsp" -no_nonce 2>&1)
  echo "$answer" | grep -E 'Response verify OK|: (good|revoked)'
  echo "$answer" | grep -q "pem: $name" || { echo "$answer"; exit 1; }
done
answer=$(curl -sSf "$url/crl/sub.crl" | openssl crl -inform DER -noout -verify -CAfile "$demo/ca/sub.pem" 2>&1) && grep -q '^verify OK' <<<"$answer" ||
  { echo "$answer"; exit 1; }
echo "crl/sub.crl: $answer"

say "auditor: master == copy == allowed == fresh"
publisher verify

cat <<TXT

The repository is in $demo. Look at
  $demo/repository.yaml        the one configuration of both binaries
  $demo/master/log/checkpoint  what the HSM signed last
  $demo/public/index.html      what relying parties find
and try
  bin/publisher serve --config $conf
  bin/publisher verify --config $conf --json
  bin/publisher explain --config $conf --file $demo/ca/good.key
TXT
