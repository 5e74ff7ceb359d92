#!/bin/sh
# Makes testdata/keys: one private key per container that foreign tools write. Needs openssl, keytool,
# ssh-keygen, softhsm2-util, certtool, gpg and bzip2.
# The committed files came from OpenSSL 3.0, Java 17 and OpenSSH 9.2; making them again gives other keys of the same form.
set -eu
cd "$(dirname "$0")/keys"
rm -f ./*
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec-pkcs8.pem
openssl pkcs8 -topk8 -nocrypt -in ec-pkcs8.pem -outform DER -out ec-pkcs8.der
openssl ec -in ec-pkcs8.pem -outform DER -out ec-sec1.der
openssl ec -in ec-pkcs8.pem -param_enc explicit -outform DER -out ec-sec1-explicit.der
openssl ec -in ec-pkcs8.pem -aes128 -passout pass:test -out ec-sec1-encrypted.pem
openssl genrsa -traditional -out rsa-pkcs1.pem 1024
openssl rsa -in rsa-pkcs1.pem -traditional -outform DER -out rsa-pkcs1.der
openssl pkcs8 -topk8 -nocrypt -in rsa-pkcs1.pem -outform DER -out rsa-pkcs8.der
openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:test -in ec-pkcs8.pem -outform DER -out ec-pkcs8-pbes2.der
openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout pass:test -in ec-pkcs8.pem -outform DER -out ec-pkcs8-pkcs12pbe.der
openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt -passout pass:test -in ec-pkcs8.pem -out ec-pkcs8-scrypt.pem
openssl genpkey -algorithm ED25519 -outform DER -out ed25519-pkcs8.der
openssl genpkey -algorithm X25519 -outform DER -out x25519-pkcs8.der
openssl dsaparam -genkey -out dsa.pem 1024 2>/dev/null
openssl dsa -in dsa.pem -outform DER -out dsa.der
openssl req -x509 -new -key ec-pkcs8.pem -subj /CN=key -days 30 -out cert.pem
openssl pkcs12 -export -inkey ec-pkcs8.pem -in cert.pem -passout pass:test -out store.p12
openssl pkcs12 -export -legacy -inkey ec-pkcs8.pem -in cert.pem -passout pass:test -out store-legacy.p12
for t in JKS JCEKS; do
  keytool -importkeystore -srckeystore store.p12 -srcstoretype PKCS12 -srcstorepass test -deststoretype $t -destkeystore "store.$t" \
    -deststorepass testtest -destkeypass testtest -srcalias 1 -noprompt 2>/dev/null
done
ssh-keygen -q -t ed25519 -N '' -C '' -f openssh
ssh-keygen -q -t ed25519 -N test -C '' -f openssh-encrypted
dir=$(mktemp -d)
printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$dir" >"$dir/conf"
export SOFTHSM2_CONF="$dir/conf"
softhsm2-util --init-token --free --label t --so-pin 12345678 --pin 1234 >/dev/null
openssl pkcs8 -topk8 -nocrypt -in rsa-pkcs1.pem -out "$dir/k.pem"
softhsm2-util --import "$dir/k.pem" --token t --label k --id 01 --pin 1234 >/dev/null
for f in "$dir"/*/*.object; do
  if od -An -v -tx1 "$f" | tr -d ' \n' | grep -q '^.\{16\}0*20*30'; then cp "$f" softhsm.object; fi
done
rm -r "$dir"
rm -f *.pub cert.pem
openssl base64 -in ec-pkcs8.der -out ec-pkcs8.base64.txt
openssl base64 -A -in ec-pkcs8.der -out ec-pkcs8.oneline.txt
od -An -v -tx1 ec-pkcs8.der | tr -d ' \n' >ec-pkcs8.hex.txt
printf 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: \nPublic-Lines: 2\n' >putty.ppk
openssl rsa -in rsa-pkcs1.pem -text -noout >rsa-text.txt
openssl ec -in ec-pkcs8.pem -text -noout >ec-text.txt
openssl dsa -in dsa.pem -text -noout >dsa-text.txt
openssl pkey -inform DER -in ed25519-pkcs8.der -text -noout >ed25519-text.txt
openssl asn1parse -inform DER -in rsa-pkcs1.der >rsa-asn1parse.txt
openssl asn1parse -inform DER -in ec-sec1.der >ec-asn1parse.txt
certtool -k --infile rsa-pkcs8.der --inder | sed '/BEGIN/,$d' >rsa-certtool.txt
home=$(mktemp -d)
for t in rsa1024 ed25519 nistp256; do
  gpg --homedir "$home" --batch --quiet --pinentry-mode loopback --passphrase '' --quick-generate-key "$t@example.com" $t default never
  gpg --homedir "$home" --batch --quiet --export-secret-keys "$t@example.com" >"gpg-$t.gpg"
  rm "$home"/private-keys-v1.d/*
done
gpg --homedir "$home" --batch --quiet --pinentry-mode loopback --passphrase test --quick-generate-key locked@example.com ed25519 default never
install -m 644 "$home"/private-keys-v1.d/*.key gpg-agent.key
gpg --homedir "$home" --batch --quiet --pinentry-mode loopback --passphrase test --export-secret-keys locked@example.com >gpg-locked.gpg
gpgconf --homedir "$home" --kill all
rm -r "$home"
cd ../packed
rm -f ./*
bzip2 -c ../keys/ec-pkcs8.der >ec.bz2
