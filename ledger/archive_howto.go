package ledger

import _ "embed" // for the formats document

// formats is docs/formats.md, which goes into every archive: a format that is
// only described elsewhere is not described in twenty years.
//
//go:embed formats.md
var formats string

// howToCheck is the page in every bag that tells a reader who has nothing but
// a shell how to check it.
const howToCheck = `How to check this archive with sha256sum and openssl alone
===========================================================

This directory is a BagIt bag (RFC 8493). data/ holds the master record of a
certificate authority's repository: every certificate, revocation list, OCSP
bundle and document it ever made public, and the append-only log of them.

1. Every file is what was archived.

     sha256sum -c tagmanifest-sha256.txt
     sha256sum -c manifest-sha256.txt

   When the archive was split, each bag is checked by itself. To use them as
   one, copy all their data/ directories into one.

2. The log's head was signed by the authority. checkpoint/signed.txt has three
   lines: the log's name, the number of entries, and the root of the Merkle
   tree over them (RFC 6962, SHA-256, base64). For each key NNNNNNNN:

     openssl dgst -sha256 -verify checkpoint/NNNNNNNN.pem \
         -signature checkpoint/NNNNNNNN.sig checkpoint/signed.txt    (ECDSA)
     openssl pkeyutl -verify -pubin -inkey checkpoint/NNNNNNNN.pem -rawin \
         -in checkpoint/signed.txt -sigfile checkpoint/NNNNNNNN.sig  (Ed25519)

   Compare the keys with the ones that were published on paper.

3. When it existed. Beside data/log/checkpoints/N lie RFC 3161 timestamps:

     openssl ts -verify -data data/log/checkpoints/N \
         -in data/log/checkpoints/N.NAME.tsr -CAfile AUTHORITY.pem

4. An artifact belongs to the log. readable/entries.jsonl has the entries, one
   JSON object a line. A "batch" entry names a manifest by its SHA-256; the
   manifest is the file of that name in data/manifests, a text with one line
   for each artifact:

     name kind sha256 size not-before not-after issuer number

   The bytes are data/blobs/XX/SHA256 or data/bundles/SHA256, so that

     sha256sum data/blobs/*/*

   must print each file's own name. readable/state.txt is what was current.
   A "private" entry names a file of data/private/manifests in the same way: the
   books of record that are not public, one JSON object a line.

5. The entries belong to the signed head. data/log/tile/entries holds the
   entries in binary bundles, data/log/tile the hashes, in the layout of
   c2sp.org/tlog-tiles: a leaf hash is SHA-256(0x00, entry), a node is
   SHA-256(0x01, left, right). For a small log this can be done by hand with

     (printf '\000'; printf %s "$ENTRY") | openssl dgst -sha256

   and for a large one with the few lines of program that the format needs.
   formats.md describes everything exactly.

この保存媒体を sha256sum と openssl だけで確かめる方法
======================================================

このディレクトリは BagIt(RFC 8493)形式である。data/ は認証局の公開情報の正本、
すなわち公開した証明書、失効リスト、OCSP 応答、文書と、その追記専用の記録である。

1. 保存したときのままであること。上の二つの sha256sum -c を実行する。分割した場合は
   それぞれを確かめ、data/ を一つのディレクトリに合わせて用いる。
2. 記録の先頭(checkpoint/signed.txt)に認証局が署名したこと。上の openssl dgst 又は
   openssl pkeyutl を鍵ごとに実行し、鍵は紙で公表されたものと比べる。
3. いつ存在したか。data/log/checkpoints/ の .tsr(RFC 3161)を openssl ts で確かめる。
4. 各ファイルが記録に載っていること。readable/entries.jsonl の "batch" が示す
   data/manifests のファイルの各行が、名前、種別、SHA-256、長さ、有効期間、発行者、番号
   である。ファイル名はその内容の SHA-256 である。
5. 記録の各行が署名された先頭に含まれること。RFC 6962 のハッシュ木であり、葉は
   SHA-256(0x00 に続けて内容)、節は SHA-256(0x01、左、右)である。形式は formats.md に記す。
`
