#!/usr/bin/env bash
# Installs the Debian packages that a group of work needs: demo, test, producers or bench. Says what it installs.
set -euo pipefail

case "${1:-}" in
demo) packages=(softhsm2 openssl gcc libc6-dev curl) ;;
test) packages=(softhsm2 openssl gcc libc6-dev git curl zstd gnutls-bin libnss3 libnss3-tools opencryptoki p11-kit p11-kit-modules
  postgresql nginx-light openjdk-17-jdk-headless chromium fonts-ipafont-gothic fonts-dejavu-core poppler-utils nodejs npm jq procps util-linux
  systemd systemd-container prometheus groff-base awscli rclone zsh fish rpm openssh-client
  qpdf ghostscript python3-reportlab python3-cairo) ;;
producers) packages=(texlive-latex-base libreoffice-writer-nogui weasyprint img2pdf python3-pil fonts-ipafont-gothic) ;;
bench) packages=(softhsm2 openssl gcc libc6-dev git curl nginx-light wrk postgresql) ;;
*) echo "usage: install-packages.sh demo|test|producers|bench" >&2; exit 2 ;;
esac

missing=()
for p in "${packages[@]}"; do
  case "$p" in
  # What another installer brought is as good as Debian's package.
  nodejs) command -v node >/dev/null && continue ;;
  openssh-client) command -v ssh-keygen >/dev/null && continue ;;
  npm | jq | git | curl | gcc | openssl | rclone) command -v "$p" >/dev/null && continue ;;
  awscli) command -v aws >/dev/null && continue ;;
  openjdk-17-jdk-headless) command -v javac >/dev/null && continue ;;
  esac
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && { echo "Debian packages for $1: all present"; exit 0; }

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "please install as root: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing Debian packages for $1: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
