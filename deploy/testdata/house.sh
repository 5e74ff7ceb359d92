#!/bin/bash
# Runs inside of a booted system with nothing of ours installed: the way of docs/installation.md, with the packages in /packages.
set -euxo pipefail
cd /
refused() { if "$@"; then echo "this was let through: $*"; exit 1; fi; }
written() { find /etc/seihon -type f -exec sha256sum {} +; }

: "the signing room, from the deb"
dpkg --install /packages/seihon-signer*.deb
id seihon-signer
[ "$(stat -c '%U:%G %a' /etc/seihon)" = 'root:root 755' ]
[ "$(stat -c '%U:%G %a' /etc/seihon/credentials)" = 'root:root 700' ]
cp /usr/share/doc/seihon/examples/repository.yaml /etc/seihon/repository.yaml
printf 'directories.tokendir = /var/lib/seihon/tokens\nobjectstore.backend = file\n' > /etc/seihon/softhsm2.conf
(umask 077; printf 'user-pin-of-mine' > /etc/seihon/credentials/pin)
before=$(written)

install -d -o seihon-signer -g seihon-signer -m 0750 /var/lib/seihon
install -d -o seihon-signer -g seihon-signer -m 0700 /var/lib/seihon/tokens
install -o seihon-signer -g seihon-signer -m 0600 /dev/null /var/lib/seihon/so-pin
printf 'officer-pin-of-mine' > /var/lib/seihon/so-pin
seihon-signer init --init-token --so-pin-file so-pin
rm /var/lib/seihon/so-pin
seihon-signer keygen
seihon-signer issue --name root --out ca/root.pem
seihon-signer issue --name sub --out ca/sub.pem
seihon-signer issue --name sub-ocsp
seihon-signer issue --name document-signer
install -o seihon-signer -g seihon-signer -m 0600 /packages/cps.pdf /var/lib/seihon/cps.pdf
seihon-signer document --name cps --version 1.0 --file cps.pdf
: "the exit code of a command comes through"
code=0; seihon-signer issue --name nobody || code=$?
[ "$code" = 2 ]

systemctl start seihon-signer.service
systemctl show --property=Result seihon-signer.service | grep '^Result=success$'
systemctl enable --now seihon-signer.timer
systemctl is-active seihon-signer.timer
systemctl disable --now seihon-signer.timer
seihon-signer status
[ -s /var/lib/seihon/metrics/signer.prom ]
: "everything of the job is the job's, nobody else reads the room, and nothing in /etc was written"
[ -z "$(find /var/lib/seihon ! -user seihon-signer)" ]
[ -z "$(find /var/lib/seihon -perm /o=w)" ]
[ "$(stat -c %a /var/lib/seihon)" = 750 ]
[ "$before" = "$(written)" ]
refused runuser -u nobody -- ls /var/lib/seihon
refused grep -r user-pin-of-mine /var/lib/seihon

: "the two hosts are two machines: the other package does not install beside it"
refused dpkg --install /packages/seihon-publisher*.deb
dpkg --purge seihon-signer seihon-publisher
mv /var/lib/seihon /srv/room
rm -rf /etc/seihon

: "the publishing host, from the rpm"
rpm --install --nodeps /packages/seihon-publisher*.rpm
id seihon-publisher; id seihon-responder
sed '/^signer:/,/^issuers:/{/^issuers:/!d}' /usr/share/doc/seihon/examples/repository.yaml > /etc/seihon/repository.yaml
before=$(written)
install -d -o seihon-publisher -g seihon-publisher -m 0755 /var/lib/seihon
for f in master ca/root.pem keys/master-log.ecdsa.vkey keys/master-log.ed25519.vkey; do
  install -d "/var/lib/seihon/$(dirname $f)"
  cp -r "/srv/room/$f" "/var/lib/seihon/$f"
done
chown -R seihon-publisher:seihon-publisher /var/lib/seihon
chmod -R u=rwX,go=rX /var/lib/seihon
seihon-publisher config check
seihon-publisher plan
systemctl start seihon-publisher.service
systemctl show --property=Result seihon-publisher.service | grep '^Result=success$'
[ -s /var/lib/seihon/metrics/publisher.prom ]
[ -s /var/lib/seihon/metrics/status.prom ]
seihon-publisher verify
openssl crl -inform DER -in /var/lib/seihon/public/crl/sub.crl -noout -nextupdate
[ -z "$(find /var/lib/seihon ! -user seihon-publisher)" ]
[ "$(stat -c %a /var/lib/seihon/secrets/publication-log.key)" = 600 ]

: "the edge on the same host, as a user who cannot write what it serves"
systemctl start seihon-responder.socket
curl --retry 20 --retry-connrefused --retry-delay 1 -sSf http://127.0.0.1/crl/sub.crl | cmp - /var/lib/seihon/public/crl/sub.crl
systemctl is-active seihon-responder.service
refused runuser -u seihon-responder -- touch /var/lib/seihon/public/x
refused runuser -u seihon-responder -- cat /var/lib/seihon/secrets/publication-log.key
systemctl stop seihon-responder.socket seihon-responder.service
[ "$before" = "$(written)" ]
echo "the house stands"
