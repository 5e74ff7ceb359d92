#!/usr/bin/env bash
# Fuzzes every fuzz target of the module for the time given, one after the other, says how often each was executed,
# and fails when one was executed less often than its floor in scripts/fuzz-floors.txt: a target that hardly runs finds nothing.
# Making an interesting input smaller may take ten executions, or a slow target would do nothing else.
# A second argument is a regular expression: only targets whose "folder name" matches.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:?usage: fuzz.sh SECONDSs [ONLY]}
only=${2:-.}
seconds=${time%s}
[[ $seconds =~ ^[0-9]+$ && $time == "${seconds}s" ]] || { echo "fuzz.sh: the time is whole seconds, as in 5s" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz
failed=0 targets=0 built=
# Before Go 1.27 a busy machine's fuzzer can take the end of its time for a failure (https://go.dev/issue/75804). A real one
# has an input, or says something else.
time_is_up() {
  [ "$(grep -A 99 '^--- FAIL' "$log" | sed 's/^ *//' | grep -v '^--- FAIL' | tr '\n' ' ')" = 'context deadline exceeded FAIL ' ]
}
while IFS=: read -r file _ rest; do
  target=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]+).*/\1/' <<<"$rest")
  folder=$(dirname "$file")
  [[ "$folder $target" =~ $only ]] || continue
  targets=$((targets + 1))
  floor=$(awk -v f="$folder" -v t="$target" '$1 == f && $2 == t {print $3}' scripts/fuzz-floors.txt)
  floor=$((${floor:-$(awk '$1 == "default" {print $2}' scripts/fuzz-floors.txt)} * seconds))
  if [ "$folder" != "$built" ]; then # one binary for all targets of a folder
    go test -c -fuzz . -o "$work/test" "./$folder"
    built=$folder
  fi
  # On a busy machine the workers may only have started when a short time is over: a second, longer try.
  for length in "$time" 20s; do
    if ! (cd "$folder" && exec "$work/test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$length" \
      -test.fuzzminimizetime 10x -test.fuzzcachedir "$cache/$module/$folder") >"$log" 2>&1 && ! time_is_up; then
      cat "$log"
      failed=1
      continue 2
    fi
    executions=$(sed -n 's/^fuzz: elapsed: .*execs: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    [ "${executions:-0}" -lt "$floor" ] || break
  done
  verdict=ok
  [ "${executions:-0}" -ge "$floor" ] || { verdict=short failed=1; }
  printf 'fuzz %-50s %9d executions >= %d %s\n' "$folder $target" "${executions:-0}" "$floor" "$verdict"
done < <(git grep -n -E '^func Fuzz' -- '*_test.go')
while read -r folder target _; do
  case $folder in '' | '#'* | default) continue ;; esac
  git grep -q -E "^func $target\(" -- "$folder/*_test.go" || { echo "scripts/fuzz-floors.txt names $folder $target, which is not there"; failed=1; }
done <scripts/fuzz-floors.txt
[ "$targets" -gt 0 ] || { echo "fuzz.sh: no target matches $only" >&2; exit 2; }
exit "$failed"
