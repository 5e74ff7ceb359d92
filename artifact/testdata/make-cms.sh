#!/bin/sh
# Makes testdata/cms with OpenSSL 3: detached signatures in the forms that occur, an enclosing one, and a certs-only bundle.
set -eu
cd "$(dirname "$0")/cms"
rm -f ./*
dir=$(mktemp -d)
printf 'the certification practice statement\n' >content.txt
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ec.key" -subj /CN=signer -days 3650 -out "$dir/ec.pem"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/rsa.key" -subj /CN=signer -days 3650 -out "$dir/rsa.pem"
sign() { openssl cms -sign -binary -in content.txt -outform DER -md sha256 "$@"; }
sign -signer "$dir/ec.pem" -inkey "$dir/ec.key" -out detached.p7s
sign -signer "$dir/rsa.pem" -inkey "$dir/rsa.key" -out detached-rsa.p7s
sign -signer "$dir/rsa.pem" -inkey "$dir/rsa.key" -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:digest -out detached-pss.p7s
sign -signer "$dir/ec.pem" -inkey "$dir/ec.key" -noattr -out detached-noattr.p7s
sign -signer "$dir/ec.pem" -inkey "$dir/ec.key" -keyid -out detached-keyid.p7s
sign -signer "$dir/ec.pem" -inkey "$dir/ec.key" -nodetach -out enclosing.p7m
openssl crl2pkcs7 -nocrl -certfile "$dir/ec.pem" -certfile "$dir/rsa.pem" -outform DER -out bundle.p7c
rm -r "$dir"
