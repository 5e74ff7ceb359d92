#!/usr/bin/env bash
# No function that neither binary can reach, except those that scripts/deadcode-allowed.txt names, each with its reason. An
# entry whose function is reachable again, or gone, fails as well: the list only gets shorter.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${1:?usage: deadcode.sh TOOLS}
dead=$("$bin/deadcode" -f '{{range .Funcs}}{{println $.Path .Name}}{{end}}' ./cmd/... | sed '/^$/d; s|^seihon/||; s| |.|' | sort)
allowed=$(sed -E '/^(#|$)/d; s/[[:space:]].*//' scripts/deadcode-allowed.txt | sort)
new=$(comm -23 <(echo "$dead") <(echo "$allowed"))
old=$(comm -13 <(echo "$dead") <(echo "$allowed"))
bare=$(sed -E '/^(#|$)/d' scripts/deadcode-allowed.txt | awk 'NF < 3 {print $1}')
[ -z "$new" ] || printf 'no command reaches this: call it or delete it (what only tests use belongs into a _test.go file)\n%s\n' "$new"
[ -z "$old" ] || printf 'not dead any more: delete the line in scripts/deadcode-allowed.txt\n%s\n' "$old"
[ -z "$bare" ] || printf 'scripts/deadcode-allowed.txt gives no reason for\n%s\n' "$bare"
[ -z "$new$old$bare" ]
