# Set these three first: EVIDENCE, this file; ROOT, the CA's root certificate (PEM), and KEY, the
# ECDSA key of its log (.vkey), both from where the CA published them, never from this file.

# 1. Take the parts out of the file.
mkdir -p parts
for n in $(sed -n 's/^-----BEGIN \([a-z0-9.-]*\)-----$/\1/p' "$EVIDENCE"); do
  sed -n "/^-----BEGIN $n-----\$/,/^-----END $n-----\$/p" "$EVIDENCE" | sed '1d;$d' | openssl base64 -d >"parts/$n"
done
sed -n '/^{$/,/^}$/p' "$EVIDENCE" >parts/answer.json
value() { sed -n "s/^  \"$1\": \"\(.*\)\",*\$/\1/p" parts/answer.json; }
SERIAL=$(value serial | tr a-f A-F | sed 's/^00//'); AT=$(date -u -d "$(value time)" +%s)
echo "asked about serial $SERIAL at $(value time)"

# 2. The authority leads to the root that you know.
for c in parts/authority-*.cer; do openssl x509 -inform DER -in "$c"; done >chain.pem
openssl x509 -inform DER -in parts/authority-0.cer -out issuer.pem
openssl verify -attime "$AT" -CAfile "$ROOT" -untrusted chain.pem issuer.pem
if [ -e parts/certificate.cer ]; then # signed by this authority, whose name alone says nothing
  openssl x509 -inform DER -in parts/certificate.cer -out certificate.pem
  openssl verify -no_check_time -partial_chain -trusted issuer.pem certificate.pem
  openssl x509 -in certificate.pem -noout -serial -startdate -enddate
fi

# 3. What the lists and responses say, and that the authority signed them.
for l in parts/*.crl; do
  [ -e "$l" ] || continue
  echo "$l"; openssl crl -inform DER -in "$l" -CAfile issuer.pem -noout -crlnumber -lastupdate -nextupdate
  openssl crl -inform DER -in "$l" -noout -text | grep -A 7 "Serial Number: 0*$SERIAL\$" || echo "does not name $SERIAL"
done
# A response is checked as of when it was produced; "Status times invalid" only says that this is not today.
for r in parts/*.ocsp; do
  [ -e "$r" ] || continue
  openssl ocsp -respin "$r" -noverify -resp_text >response.txt; h=-sha1; grep -q 'Hash Algorithm: sha256' response.txt && h=-sha256
  made=$(date -u -d "$(sed -n 's/^ *Produced At: //p' response.txt)" +%s); echo "$r"
  openssl ocsp -respin "$r" -issuer issuer.pem $h -serial "0x$SERIAL" -CAfile "$ROOT" -verify_other chain.pem -attime "$made"
done

# 4. Each of them stood in the log: from its line in the record of a signing run up to the
#    root of that record, and from the log's entry up to the root that is signed (RFC 6962).
hex() { openssl base64 -d -A | basenc --base16 -w 0; }
b64() { basenc --base16 -d | openssl base64 -A; }
sum() { sha256sum | cut -d ' ' -f 1 | tr a-f A-F; }
leaf() { { printf '\000'; cat; } | sum; }
climb() { # leaf, its index, number of leaves; the hashes beside the way on stdin
  h=$1 i=$2 n=$(($3 - 1))
  while read -r line; do
    p=$(printf %s "$line" | hex)
    if [ $((i % 2)) = 1 ] || [ "$i" = "$n" ]; then
      h=$(printf '01%s%s' "$p" "$h" | basenc --base16 -d | sum)
      while [ $((i % 2)) = 0 ] && [ "$i" != 0 ]; do i=$((i / 2)) n=$((n / 2)); done
    else
      h=$(printf '01%s%s' "$h" "$p" | basenc --base16 -d | sum)
    fi
    i=$((i / 2)) n=$((n / 2))
  done
  [ "$n" = 0 ] && printf %s "$h" | b64
}
prove() {
  sed -n 's/^extra //p' "$1" | openssl base64 -d -A >extra; sed '1,/^$/d' "$1" >"$1.checkpoint"
  entry=$(sed -n 2p extra) line=$(sed -n 3p extra) at=$(sed -n 4p extra) checkpoint=$1.checkpoint
  record=$(sed 1,4d extra | climb "$(printf %s "$line" | leaf)" "${at% *}" "${at#* }")
  printf %s "$entry" | grep -qF "\"count\":${at#* },\"" && printf %s "$entry" | grep -qF "\"root\":\"$record\"" &&
    root=$(sed -n '/^index /,/^$/p' "$1" | sed '1d;$d' | climb "$(printf %s "$entry" | leaf)" "$(sed -n 's/^index //p' "$1")" "$(sed -n 2p "$checkpoint")") &&
    [ "$root" = "$(sed -n 3p "$checkpoint")" ] && echo "$1: in the log: $line" || echo "$1: NOT IN THE LOG"
}
for p in parts/*.proof; do prove "$p"; done
sha256sum parts/*.crl parts/*.ocsp 2>/dev/null || true # the third word of a list's line is this sum; a response's is in answer.json

# 5. The root is signed by the CA's log. A file *.stamped.proof is under an older checkpoint, which the
#    log's earlier keys signed; it only shows the time, and its plain proof shows the rest.
sed 's/^[^+]*+[^+]*+//' "$KEY" | openssl base64 -d -A | tail -c +2 | openssl pkey -pubin -inform DER -out key.pem
for p in parts/*.proof.checkpoint; do
  case $p in *.stamped.*) continue ;; esac
  sed -n '/^$/q;p' "$p" >signed.txt
  grep '^— ' "$p" | while read -r _ _ signature; do
    printf %s "$signature" | openssl base64 -d -A >signature.bin
    [ "$(head -c 4 signature.bin | basenc --base16 -w 0 | tr A-F a-f)" = "$(cut -d + -f 2 "$KEY")" ] || continue
    tail -c +5 signature.bin >signature.der
    openssl dgst -sha256 -verify key.pem -signature signature.der signed.txt
  done
done

# 6. When it existed at the latest. TSA is the root of the time-stamping authority (PEM), from where it published it.
for t in parts/*.tsr; do
  [ -e "$t" ] || continue
  n=${t#parts/checkpoint-} n=${n%.tsr}
  for c in parts/*.checkpoint; do [ "$(sed -n 2p "$c")" != "$n" ] || stamped=$c; done
  openssl ts -verify -data "$stamped" -in "$t" -CAfile "$TSA"
  openssl ts -reply -in "$t" -text | grep 'Time stamp' || echo "$t: NOT A TIME-STAMP"
done
