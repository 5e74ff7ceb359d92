#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the time given, one after the other.
set -euo pipefail

time=${1:?usage: fuzz.sh DURATION}
while IFS=: read -r file _ rest; do
  target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$rest")
  echo "fuzzing $(dirname "$file") $target"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")"
done < <(git grep -n -E '^func Fuzz' -- '*_test.go')
