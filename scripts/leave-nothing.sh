#!/usr/bin/env bash
# Runs a command and fails if it leaves anything behind: a process, and with it a listening port, or a file outside of this
# checkout. Processes are known by a mark in their environment, which their children inherit, so that what others start meanwhile is
# not ours. Temporary files go into a folder of their own, which has to be empty at the end; the home folder is one, too.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || { echo "usage: leave-nothing.sh COMMAND..." >&2; exit 2; }
mark=left-by-$$-$(date +%s%N)
place=$(mktemp -d /tmp/sXXXXXX) # short: paths of sockets are limited to 107 octets
mkdir "$place/t" "$place/h"
chmod 755 "$place" "$place/h" # PostgreSQL runs as another user
chmod 1777 "$place/t"
before=$(git status --porcelain 2>/dev/null || true)
# What is shared between runs on purpose stays where it is.
for v in GOPATH GOCACHE GOMODCACHE GOENV; do export "$v=$(go env $v)"; done
export npm_config_cache=${npm_config_cache:-$HOME/.npm}

code=0
SEIHON_RUN_MARK=$mark TMPDIR=$place/t HOME=$place/h "$@" || code=$?

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
files=$(find "$place/t" "$place/h" -mindepth 1 | head -n 20)
[ -z "$files" ] || { bad=1; printf 'left outside of the checkout:\n%s\n' "$files"; }
after=$(git status --porcelain 2>/dev/null || true)
[ "$before" = "$after" ] || { bad=1; printf 'changed in the checkout:\n%s\n' "$(diff <(echo "$before") <(echo "$after"))"; }
chmod -R u+w "$place" 2>/dev/null || true
rm -rf "$place"
[ "$code" -eq 0 ] || exit "$code"
exit "$bad"
