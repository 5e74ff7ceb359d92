#!/usr/bin/env bash
# Runs a command and fails if it leaves a process behind, and with it a listening port, or changes in the checkout.
# Processes are known by a mark in their environment, which their children inherit, so that what others start
# meanwhile is not ours. With --files in front the command also gets a folder of its own for temporary files and another
# as its home, and has to leave both empty.
set -euo pipefail
cd "$(dirname "$0")/.."

files=no
[ "${1:-}" != --files ] || { files=yes; shift; }
[ $# -gt 0 ] || { echo "usage: leave-nothing.sh [--files] COMMAND..." >&2; exit 2; }
mark=left-by-$$-$(date +%s%N)
place=$(mktemp -d /tmp/sXXXXXX) # short: paths of sockets are limited to 107 octets
mkdir "$place/t" "$place/h"
chmod 755 "$place" "$place/h" # PostgreSQL runs as another user
chmod 1777 "$place/t"
before=$(git status --porcelain 2>/dev/null || true)
own=()
if [ "$files" = yes ]; then
  # What runs share on purpose stays where it is.
  for v in GOPATH GOCACHE GOMODCACHE GOENV; do own+=("$v=$(go env $v)"); done
  own+=("XDG_CONFIG_HOME=${XDG_CONFIG_HOME:-$HOME/.config}" "npm_config_cache=${npm_config_cache:-$HOME/.npm}" "TMPDIR=$place/t" "HOME=$place/h")
fi

code=0
env SEIHON_RUN_MARK="$mark" "${own[@]}" "$@" || code=$?

marked() { grep -lsaxz "SEIHON_RUN_MARK=$mark" /proc/[0-9]*/environ | sed 's|/proc/||; s|/environ||' || true; }
# What was told to stop may take a moment.
for _ in 1 2 3 4 5; do
  left=$(marked)
  [ -z "$left" ] && break
  sleep 1
done
bad=0
if [ -n "$left" ]; then
  bad=1
  echo "left running:"
  for pid in $left; do
    echo "  $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    ss -Hltnp 2>/dev/null | awk -v p="pid=$pid," 'index($0, p) {print "      listens at", $4}'
    kill "$pid" 2>/dev/null || true
  done
fi
lying=$(find "$place/t" "$place/h" -mindepth 1 | head -n 20)
[ -z "$lying" ] || { bad=1; printf 'left outside of the checkout:\n%s\n' "$lying"; }
after=$(git status --porcelain 2>/dev/null || true)
[ "$before" = "$after" ] || { bad=1; printf 'changed in the checkout:\n%s\n' "$(diff <(echo "$before") <(echo "$after"))"; }
chmod -R u+w "$place" 2>/dev/null || true
rm -rf "$place"
[ "$code" -eq 0 ] || exit "$code"
exit "$bad"
