#!/usr/bin/env bash
# Builds the pinned Go tools that the checks and tests need into the folder given. Says what it builds.
# With release after it, also GoReleaser, which only `make release-check` needs.
set -euo pipefail

bin=${1:?usage: install-tools.sh DIR [release]}
mkdir -p "$bin"
export GOBIN=$bin GOFLAGS=

# name, package@version; the version is part of the stamp, so that a new pin rebuilds, and so is that of Go: what checks
# source must be as new as the source.
tools='
staticcheck      honnef.co/go/tools/cmd/staticcheck@v0.8.2
govulncheck      golang.org/x/vuln/cmd/govulncheck@v1.9.0
indexdb          golang.org/x/vulndb/cmd/indexdb@v0.0.0-20261105234957-e22db6528018
deadcode         golang.org/x/tools/cmd/deadcode@v0.52.0
versitygw        github.com/versity/versitygw/cmd/versitygw@v1.8.0
fake-gcs-server  github.com/fsouza/fake-gcs-server@v1.56.1
zlint            github.com/zmap/zlint/v3/cmd/zlint@v3.7.3
fsck             github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
nfpm             github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
tflint           github.com/terraform-linters/tflint@v0.64.0
'
[ "${2:-}" != release ] || tools+='
goreleaser       github.com/goreleaser/goreleaser/v2@v2.12.7
'
go=$(go env GOVERSION)
while read -r name package; do
  [ -n "$name" ] || continue
  stamp="$bin/.$name-${package##*@}-$go"
  [ -x "$bin/$name" ] && [ -e "$stamp" ] && continue
  echo "building $name ($package)"
  go install -ldflags='-s -w' "$package"
  touch "$stamp"
done <<<"$tools"

# axe-core checks the pages in Chromium; npm holds it to the digest in the lock file.
lock=$(dirname "$0")/../verify/testdata/axe/package-lock.json
stamp="$bin/.axe-$(sha256sum "$lock" | cut -c1-16)"
if [ ! -e "$bin/axe.min.js" ] || [ ! -e "$stamp" ]; then
  echo "fetching axe-core"
  scratch=$(mktemp -d)
  cp "$(dirname "$lock")"/package*.json "$scratch"
  npm ci --prefix "$scratch" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$scratch/node_modules/axe-core/axe.min.js" "$bin/axe.min.js"
  rm -rf "$scratch"
  touch "$stamp"
fi

# Azurite answers as Azure Blob Storage does; npm holds it and all that it needs to the digests in the lock file.
lock=$(dirname "$0")/../publish/storetest/servers/azurite/package-lock.json
stamp="$bin/.azurite-$(sha256sum "$lock" | cut -c1-16)"
if [ ! -x "$bin/azurite-blob" ] || [ ! -e "$stamp" ]; then
  echo "fetching azurite"
  home=$(cd "$bin/.." && pwd)/azurite
  rm -rf "$home"
  mkdir -p "$home"
  cp "$(dirname "$lock")"/package*.json "$home"
  npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error
  printf '#!/bin/sh\nexec node %q "$@"\n' "$home/node_modules/azurite/dist/src/blob/main.js" >"$bin/azurite-blob"
  chmod +x "$bin/azurite-blob"
  touch "$stamp"
fi

# A Node.js whose crypto is OpenSSL 3.5 or newer checks what is signed with ML-DSA, which Debian's OpenSSL does not know.
lock=$(dirname "$0")/../hsmsign/testdata/node/package-lock.json
stamp="$bin/.node-mldsa-$(sha256sum "$lock" | cut -c1-16)"
if [ ! -x "$bin/node-mldsa" ] || [ ! -e "$stamp" ]; then
  echo "fetching a Node.js with ML-DSA"
  scratch=$(mktemp -d)
  cp "$(dirname "$lock")"/package*.json "$scratch"
  npm ci --prefix "$scratch" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp "$scratch"/node_modules/node-linux-*/bin/node "$bin/node-mldsa"
  rm -rf "$scratch"
  touch "$stamp"
fi
echo "tools: all present in $bin"
