# Derives every line of an annex again, with openssl, sha256sum and Tessera's fsck alone.
# $1 is the annex in CSV, $2 the folder of the master; places of copies are folders or http addresses.
set -euo pipefail
annex=$1 master=$2

# 1. The log is what its keys signed: its entries and hashes lead to the signed root.
for key in keys/master-log.*.vkey; do
  fsck -ui=false -N 4 -public_key "$key" -storage_url "file://$PWD/$master/log/" 2>&1 | grep -q "Successfully fsck'd log"
done

# 2. The manifests are those that the log's entries name, and have the digest that is their name.
manifests=$(mktemp)
for file in public/log/manifests/*; do
  digest=$(sha256sum <"$file" | cut -c1-64)
  [ "$digest" = "${file##*/}" ] || { echo "$file is $digest" >&2; exit 1; }
  grep -raq "$digest" "$master/log/tile/entries" || { echo "no entry of the log names the manifest $file" >&2; exit 1; }
  cat "$file" >>"$manifests"
done

# 3. Each line: the bytes have the digest that it says, the log records the digest that it says, and equal means equal.
lines=0
while IFS=, read -r object kind number entry size recorded place file sha256 read outcome rest; do
  lines=$((lines + 1))
  fail() { echo "line $lines, $object at $place: $1" >&2; exit 1; }
  [ "$place" = master ] && place=$master
  case $place in
  http*) bytes() { curl -sS "$place/$file"; } ;;
  *) bytes() { cat "$place/$file"; } ;;
  esac
  case $kind in
  ocsp-generation) got=$(bytes | head -c "$size" | sha256sum) ;; # a public copy has its proof behind the master's bytes
  *) got=$(bytes | sha256sum) ;;
  esac
  [ "${got%% *}" = "$sha256" ] || fail "its SHA-256 is ${got%% *}, not $sha256"
  case $outcome in
  equal) [ "$sha256" = "$recorded" ] || fail "it is called equal, and is not" ;;
  signed) continue ;;
  *) fail "it is $outcome" ;;
  esac
  case $kind in
  tile | manifest) ;; # the log itself: steps 1 and 2
  *) grep -q "$recorded" "$manifests" || fail "the log does not record $recorded" ;;
  esac
  case $kind in
  *-certificate)
    serial=$(bytes | openssl x509 -inform DER -noout -serial | cut -d= -f2 | tr A-F a-f | sed 's/^0*//')
    [ "$serial" = "$number" ] || fail "its serial number is $serial" ;;
  crl | arl | delta-crl)
    list=$(bytes | openssl crl -inform DER -noout -crlnumber | sed 's/.*=\(0x\)\?//')
    [ $((16#$list)) = "$number" ] || fail "its number is $list" ;;
  esac
done < <(tail -n +2 "$annex")
echo "$lines lines derived again"
