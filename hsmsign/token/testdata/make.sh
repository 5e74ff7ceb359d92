#!/bin/sh
# Makes the signatures on approvals.yaml with OpenSSH and OpenSSL. The private keys are thrown away.
set -e
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
ssh-keygen -q -t ed25519 -N '' -C operator -f "$keys/ssh"
cp "$keys/ssh.pub" operator-ssh.pub
ssh-keygen -q -Y sign -f "$keys/ssh" -n seihon-hsm-approvals <approvals.yaml >approvals.yaml.sshsig
ssh-keygen -q -Y sign -f "$keys/ssh" -n file <approvals.yaml >approvals.yaml.other-namespace
openssl ecparam -name prime256v1 -genkey -noout -out "$keys/ec"
openssl pkey -in "$keys/ec" -pubout -out operator-ecdsa.pem
openssl dgst -sha256 -sign "$keys/ec" -out approvals.yaml.ecdsa approvals.yaml
openssl genpkey -algorithm ed25519 -out "$keys/ed"
openssl pkey -in "$keys/ed" -pubout -out operator-ed25519.pem
openssl pkeyutl -sign -inkey "$keys/ed" -rawin -in approvals.yaml -out approvals.yaml.ed25519
