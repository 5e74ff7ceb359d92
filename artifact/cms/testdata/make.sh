#!/bin/sh
# Makes the vectors of this folder with OpenSSL 3.0. The keys are thrown away; run it again and every file changes.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf 'Certification Practice Statement, version 1.0\n' >content.txt

cat >"$tmp/ca.cnf" <<'CNF'
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
subjectKeyIdentifier = hash
[tls]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyEncipherment
[tsa]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
CNF

# cert NAME ISSUER SECTION
cert() {
	openssl req -new -config "$tmp/ca.cnf" -key "$tmp/$1.key" -subj "/C=JP/O=Vectors/CN=$1" -out "$tmp/$1.csr"
	if [ "$1" = "$2" ]; then how="-signkey $tmp/$1.key"; else how="-CA $tmp/$2.pem -CAkey $tmp/$2.key"; fi
	openssl x509 -req -in "$tmp/$1.csr" $how -days 36500 -set_serial "0x$(openssl rand -hex 8 | sed 's/^./4/')" -extfile "$tmp/ca.cnf" -extensions "$3" -out "$tmp/$1.pem" 2>/dev/null
}
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/root.key"
cert root root ca
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/stranger.key"; cert stranger stranger ca
openssl genrsa -out "$tmp/rsa.key" 2048 2>/dev/null; cert rsa root signer
openssl ecparam -name secp384r1 -genkey -noout -out "$tmp/p384.key"; cert p384 root signer
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/tls.key"; cert tls root tls
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/tsa.key"; cert tsa root tsa
cp "$tmp/root.pem" root.pem
cp "$tmp/stranger.pem" stranger.pem

sign() { out=$1; who=$2; shift 2; openssl cms -sign -binary -in content.txt -signer "$tmp/$who.pem" -inkey "$tmp/$who.key" -outform DER -out "$out" -md sha256 "$@"; }
sign rsa.p7s rsa -cades
sign rsa-pss.p7s rsa -cades -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:32
sign p384.p7s p384 -cades -md sha384
sign keyid.p7s p384 -cades -keyid
openssl cms -sign -binary -in content.txt -signer "$tmp/rsa.pem" -inkey "$tmp/rsa.key" -signer "$tmp/p384.pem" -inkey "$tmp/p384.key" -md sha256 -cades -outform DER -out two.p7s
sign two.pem rsa -cades -outform PEM
mv two.pem rsa.pem
sign unbound.p7s rsa
sign noattr.p7s rsa -noattr
sign sha1.p7s rsa -cades -md sha1
sign attached.p7s rsa -cades -nodetach
sign nocerts.p7s rsa -cades -nocerts
sign tls.p7s tls -cades
sign pss-long-salt.p7s rsa -cades -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:64

tsa() { # OUT CERT DIGEST-OF-ESS
	cat >"$tmp/tsa.cnf" <<CNF
[tsa]
default_tsa = t
[t]
serial = $tmp/serial
signer_cert = $tmp/$2.pem
signer_key = $tmp/$2.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = $3
CNF
	echo 01 >"$tmp/serial"
	openssl ts -query -data content.txt -sha256 -cert -out "$tmp/q.tsq" 2>/dev/null
	openssl ts -reply -config "$tmp/tsa.cnf" -queryfile "$tmp/q.tsq" -out "$1" -token_out 2>/dev/null
}
tsa token.tst tsa sha256
tsa token-sha1-ess.tst tsa sha1
ls
