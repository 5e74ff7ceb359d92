#!/usr/bin/env bash
# openssl-ca FOLDER [URL [OCSP]]: makes a two-level CA by OpenSSL alone, for docs/ca/openssl.md and the tests: root and sub with keys,
# books, numbers and lists, two subscribers, and a CPS that the CA signed. Its certificates say that its lists are below URL, by
# default http://kept.example, and its responder at OCSP, by default URL/ocsp.
set -euo pipefail
url=${2:-http://kept.example}
ocsp=${3:-$url/ocsp}
pdf=$(cd "$(dirname "$0")" && pwd)/demo-cps.pdf
mkdir -p "$1"
cd "$1"
for i in root sub; do
  cat >$i.cnf <<END
[ca]
default_ca = d
[d]
database = $i.index
serial = $i.serial
crlnumber = $i.number
certificate = $i.crt
private_key = $i.key
new_certs_dir = .
default_md = sha256
default_days = 300
default_crl_days = 30
crl_extensions = list
policy = p
unique_subject = no
[p]
countryName = optional
organizationName = optional
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[authority]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:$url/crl/root-arl.crl
[subscriber]
keyUsage = critical,digitalSignature
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:$url/crl/sub.crl
authorityInfoAccess = OCSP;URI:$ocsp,caIssuers;URI:$url/cert/sub.cer
[ocsp]
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
authorityKeyIdentifier = keyid
END
  : >$i.index
  echo 1000 >$i.serial
  echo 01 >$i.number
  openssl ecparam -name prime256v1 -genkey -noout -out $i.key
done
ca() { openssl ca -config "$1".cnf -batch -notext "${@:2}" 2>/dev/null; }
openssl req -x509 -new -key root.key -subj '/C=JP/O=Example/CN=Kept Root CA' -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign -out root.crt
openssl req -new -key sub.key -subj '/C=JP/O=Example/CN=Kept Sub CA' -out sub.csr
ca root -days 2000 -in sub.csr -extensions authority -out sub.crt
for i in one two cps; do
  openssl ecparam -name prime256v1 -genkey -noout -out $i.key
  openssl req -new -key $i.key -subj "/C=JP/O=Example/CN=$i" -out $i.csr
  ca sub -in $i.csr -extensions subscriber -out $i.crt
done
ca root -gencrl -crldays 180 -out root.crl
ca sub -gencrl -out sub.crl
cp "$pdf" cps.pdf
openssl cms -sign -binary -in cps.pdf -signer cps.crt -inkey cps.key -certfile sub.crt -outform DER -out cps.pdf.p7s
