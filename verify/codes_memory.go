package verify

import "seihon/verify/memory"

const (
	unsaidJA = "双方の版を証拠として保全し、失効を直ちに CRL と OCSP に戻し、誰がどう消したかを調査する"
	unsaid   = "keep both versions as evidence, put the revocation back on CRL and OCSP at once, and find out who took it off"
	statedJA = "証明書の有効期間を確認し、署名室が記録した理由を調査する"
	stated   = "look at the certificate's dates and find out why the signing room recorded others"
)

// memoryCodes are the findings about what the record once said and does not say any more.
var memoryCodes = []Code{
	{
		memory.CodeVanished, Critical, "", "3713",
		"期限内の失効情報が、後の CRL から消えている", "a revocation is missing from a later list although nothing shows that the certificate expired", unsaidJA, unsaid,
	},
	{
		memory.CodeChanged, Critical, "", "3713",
		"公開済みの失効情報（日時・理由・無効日）が後から書き換えられている", "the date, reason or invalidity date of a revocation was changed after it was published", unsaidJA, unsaid,
	},
	{
		memory.CodeScope, Critical, "", "3713",
		"後の CRL の対象範囲が、同じ名前の前の CRL より狭い", "a list speaks of fewer certificates than the one that it replaced",
		"対象範囲を元に戻した CRL を発行する", "make a list of the former scope",
	},
	{
		memory.CodeDelta, Critical, "", "3713",
		"デルタ CRL の記載が removeFromCRL なしに消えている", "an entry left a delta list without removeFromCRL (RFC 5280 section 5.2.4)", unsaidJA, unsaid,
	},
	{
		memory.CodeWithdrawn, Critical, "", "3713",
		"取り下げられた CRL の失効情報が、どの CRL にも引き継がれていない", "a list was withdrawn, and no list in its place has all of its revocations", unsaidJA, unsaid,
	},
	{
		memory.CodeAnswer, Critical, "", "3713",
		"失効と応答した証明書に、後から good・unknown と応答し、または応答をやめている", "OCSP said revoked of a certificate, and later good, unknown or nothing", unsaidJA, unsaid,
	},
	{
		memory.CodeExpiry, Critical, "", "3C56",
		"台帳の期限切れの記載が証明書と一致しない", "the log states an expiry that is not the certificate's", statedJA, stated,
	},
	{
		memory.CodeTwoDates, Critical, "", "3C56",
		"同じ証明書に異なる期限切れの記載がある", "the log states two different expiries of one certificate", statedJA, stated,
	},
	{
		memory.CodeOverride, Error, "", "3C56",
		"記録された上書き許可が、固定した鍵で署名されていない（効力なし）", "an override in the log is not signed by a pinned key and counts for nothing",
		"上書き許可の出所を調査し、正しい鍵を固定する", "find out where it comes from; if it is right, pin the key that signed it",
	},
}
