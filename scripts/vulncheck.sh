#!/usr/bin/env bash
# Known vulnerabilities that our code reaches, with no other service than the Go module proxy: the database is the
# module golang.org/x/vulndb at its newest version, indexed by the module's own tool. Fails on a reachable finding, and
# when there is no database to look in. When the proxy does not answer, the newest database at hand is used, and said.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${1:?usage: vulncheck.sh TOOLS}
store=.tools/vulndb
mkdir -p "$store"

# Outside of our module, so that its go.mod has no part in this.
asked=$(cd / && GOFLAGS=-mod=mod go mod download -json golang.org/x/vulndb@latest 2>/dev/null) || asked=
field() { sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" <<<"$asked"; }
version=$(field Version)
if [ -n "$version" ] && [ ! -e "$store/$version/index/modules.json" ]; then
  rm -rf "$store/making"
  "$bin/indexdb" -vulns "$(field Dir)/data/osv" -out "$store/making"
  mv -T "$store/making" "$store/$version"
  find "$store" -mindepth 1 -maxdepth 1 ! -name "$version" -exec rm -rf {} +
fi
if [ -z "$version" ]; then
  version=$(ls "$store" | sort | tail -n 1)
  [ -n "$version" ] || { echo "vulncheck: the module proxy does not answer and $store has no database: unchecked" >&2; exit 1; }
  echo "vulncheck: the module proxy does not answer; looking in the database at hand" >&2
fi
echo "vulncheck: $(go version | cut -d' ' -f3), database $version"
"$bin/govulncheck" -db "file://$PWD/$store/$version" ./cmd/...
