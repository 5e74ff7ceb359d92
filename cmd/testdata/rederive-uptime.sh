# Derives the observations of an annex again, with sha256sum and Tessera's fsck alone. $1 is the observations in CSV, $2 the
# folder of the publication log, $3 its key. The record's figures are printed.
set -euo pipefail
observed=$1 log=$2 key=$3

# 1. The log is what its key signed.
fsck -ui=false -N 4 -public_key "$key" -storage_url "file://$PWD/$log/log/" 2>&1 | grep -q "Successfully fsck'd log"

# 2. The digest of every entry: a bundle of them has two octets of length before each.
digests=$(mktemp)
while read -r bundle; do
  at=0 size=$(stat -c %s "$bundle")
  while [ $at -lt "$size" ]; do
    length=$((16#$(od -An -tx1 -j$at -N2 "$bundle" | tr -d ' \n')))
    dd if="$bundle" bs=1 skip=$((at + 2)) count=$length status=none | sha256sum | cut -c1-64 >>"$digests"
    at=$((at + 2 + length))
  done
done < <(find "$log/log/tile/entries" -type f)

# 3. Every round is in the log, or in the file that its vantage signed; each slot that was taken has one.
declare -A taken
rounds=0 expected=0 claimed=0 missing=0
while IFS=, read -r what target vantage from until slot slots took place entry sha256 rest; do
  case $what in
  round)
    rounds=$((rounds + 1))
    [ "$slots" = 0 ] || taken[$target $slot]=yes
    if [ "$place" = "publication log" ]; then
      grep -q "$sha256" "$digests" || { echo "round $rounds at $from is not in the log" >&2; exit 1; }
    else
      found=
      while read -r line; do
        [ "$(printf %s "$line" | sha256sum | cut -c1-64)" != "$sha256" ] || found=yes
      done < <(tail -n +3 "$place")
      [ -n "$found" ] || { echo "round $rounds at $from is not in $place" >&2; exit 1; }
    fi
    ;;
  expected) expected=$((expected + slots)) claimed=$((claimed + took)) ;;
  gap) missing=$((missing + slots)) ;;
  esac
done < <(tail -n +2 "$observed")
[ ${#taken[@]} = $claimed ] || { echo "$claimed slots are called taken, ${#taken[@]} have a round" >&2; exit 1; }
[ $((expected - claimed)) = $missing ] || { echo "$expected expected, $claimed taken, $missing missing" >&2; exit 1; }
echo "$rounds rounds: $expected slots expected, $claimed taken"
