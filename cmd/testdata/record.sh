# Makes the repository that later versions must read, continue and verify: $1 is the folder, $2 the address of its responder, $3 the
# version. It has every format of docs/upgrade.md that is written to be kept: both logs, manifests, the inventory, bundles,
# generations, a verdict on the HSM, rounds of probes on record and such that wait, an export, an auditor's pins and checkpoint,
# samples of an outside vantage.
set -euo pipefail
bash testdata/golden.sh "$1" repository.example
cd "$1"
run() { "$@" --quiet >>record.log 2>&1 || { cat record.log >&2; exit 1; }; }
# Probes wait to be recorded, as they do by default, and answers come from a responder.
sed -i -e '/^  batch: 0s$/d' -e "s|^  - name: public$|  - name: public\n    url: http://$2\n    ocsp: true|" repository.yaml
publisher serve --quiet --listen "$2" >>record.log 2>&1 &
serving=$!
trap 'kill $serving' EXIT
for _ in $(seq 100); do curl -sf "http://$2/log/checkpoint" >>record.log && break; sleep 0.1; done
signer token --check --record --quiet >>record.log 2>&1 || [ $? = 3 ] # a software token has findings
printf 'The minutes of a ceremony that never was.\n' >minutes.txt
run signer evidence --kind key-ceremony --file minutes.txt
run publisher run
run signer crl --issuer sub
run publisher run # has receipts, with which it records what waited
publisher probe --vantage Osaka --key secrets/osaka.pem --new-key --quiet >>record.log
mv secrets/osaka.pem.vkey keys/osaka.vkey
printf 'verify: {vantages: [keys/osaka.vkey]}\n' >>repository.yaml
run publisher probe --vantage Osaka --key secrets/osaka.pem --out osaka.samples
run publisher verify --pins auditor.yaml --checkpoint auditor.checkpoint --remember --first
run signer export --out whole.export
kill $serving
wait $serving || true
trap - EXIT
echo "$3" >recorded.version
date -u +%Y-%m-%dT%H:%M:%SZ >recorded.time
rm -r ca/*.{csr,key} secrets/so-pin minutes.txt record.log master/index.db* public/.tmp publication/.tmp state
