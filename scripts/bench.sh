#!/usr/bin/env bash
# Runs every benchmark, one after the other on an otherwise idle machine, and writes
# docs/benchmarks.md: the tables, the bars, the machine, the versions, the commands.
# With arguments: only those areas; the other sections of the page stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

areas=(hsm sign inventory accept ledger publish publish-cost edge verify)
[ $# -gt 0 ] && areas=("$@")
parts=docs/.benchmarks
mkdir -p "$parts"
failed=()

for area in "${areas[@]}"; do
  echo "measuring $area"
  {
    echo "## $area"
    echo
    echo "\`make bench-$area\` on $(date -u +%F), load before: $(cut -d' ' -f1-3 /proc/loadavg)"
    echo
    echo '```'
    make -s --no-print-directory "bench-$area" 2>/dev/null | sed "/^tools:/d; /^fetching /d; /^building /d; /^Debian packages/d" ||
      failed+=("$area")
    echo '```'
    echo
  } >"$parts/$area.part"
  mv "$parts/$area.part" "$parts/$area.md"
done

{
  cat <<'TXT'
# Benchmarks

Each section is the output of one run in which our code and its peers took turns, unless it says otherwise. Ratios and counts are what
counts; times belong to this machine. A line `bar NAME MEASURED >= WANTED ok` is a promise that holds;
`short` is one that does not, yet. `scripts/bench.sh` makes this page.

TXT
  echo "Machine: $(nproc) cores $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(awk '/MemTotal/ {printf "%d GiB", $2/1048576}' /proc/meminfo), $(. /etc/os-release && echo "$PRETTY_NAME"), $(go version | cut -d' ' -f3)."
  echo
  for area in hsm sign inventory accept ledger publish publish-cost edge verify; do
    for page in "$parts/$area.md" "bench/$area/notes.md"; do
      if [ -e "$page" ]; then cat "$page"; fi
    done
  done
} >docs/benchmarks.md
[ ${#failed[@]} -eq 0 ] || { echo "failed, or with a bar that is short: ${failed[*]}" >&2; exit 1; }
