package report

import "seihon/verify/memory"

const (
	unsaidJA = "双方の版を証拠として保全し、失効を直ちに CRL と OCSP に戻し、誰がどう消したかを調査する"
	unsaid   = "keep both versions as evidence, put the revocation back on CRL and OCSP at once, and find out who " +
		"took it off"
	statedJA = "証明書の有効期間を確認し、署名室が記録した理由を調査する"
	stated   = "look at the certificate's dates and find out why the signing room recorded others"
)

// memoryCodes are the findings about what the record once said and does not say any more.
var memoryCodes = []Code{
	{
		memory.CodeVanished, Critical, "", "3713",
		"期限内の失効情報が、後の CRL から消えている",
		"a revocation is missing from a later list although nothing shows that the certificate expired", unsaidJA,
		unsaid,
	},
	{
		memory.CodeChanged, Critical, "", "3713",
		"公開済みの失効情報（日時・理由・無効日）が後から書き換えられている",
		"the date, reason or invalidity date of a revocation was changed after it was published", unsaidJA, unsaid,
	},
	{
		memory.CodeScope, Critical, "", "3713",
		"後の CRL の対象範囲が、同じ名前の前の CRL より狭い", "a list speaks of fewer certificates than the one that it replaced",
		"対象範囲を元に戻した CRL を発行する", "make a list of the former scope",
	},
	{
		memory.CodeDelta, Critical, "", "3713",
		"デルタ CRL の記載が removeFromCRL なしに消えている",
		"an entry left a delta list without removeFromCRL (RFC 5280 section 5.2.4)", unsaidJA, unsaid,
	},
	{
		memory.CodeWithdrawn, Critical, "", "3713",
		"取り下げられた CRL の失効情報が、どの CRL にも引き継がれていない",
		"a list was withdrawn, and no list in its place has all of its revocations", unsaidJA, unsaid,
	},
	{
		memory.CodeAnswer, Critical, "", "3713",
		"失効と応答した証明書に、後から good・unknown と応答し、または応答をやめている",
		"OCSP said revoked of a certificate, and later good, unknown or nothing", unsaidJA, unsaid,
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
		"記録された上書き許可が、固定した鍵で署名されていない（効力なし）",
		"an override in the log is not signed by a pinned key and counts for nothing",
		"上書き許可の出所を調査し、正しい鍵を固定する", "find out where it comes from; if it is right, pin the key that signed it",
	},
	{
		CodeException, Error, "", "3C56",
		"記録された例外が、固定した鍵で署名されていない（効力なし）", "an exception in the log is not signed by a pinned key and counts for nothing",
		"例外の出所を調査し、正しい鍵を固定する", "find out where it comes from; if it is right, pin the key that signed it",
	},
}

// CodeException is the finding about an exception that counts for nothing.
const CodeException = "exception-unpinned"

const (
	misissuedJA = "誤発行または鍵の不正使用を疑い、署名室の記録と HSM の署名回数を調査する"
	misissued   = "suspect misissuance or misuse of the key: examine the records of the signing room and the HSM's " +
		"count of signatures"
)

// commitmentCodes are the findings about what the log announced before it was signed, opened with an inventory.
var commitmentCodes = []Code{
	{
		"commitment-missing", Critical, "", "3C56",
		"発行済み証明書について、署名前の予告（コミットメント）がログにない", "a certificate was issued that the log did not announce before",
		misissuedJA, misissued,
	},
	{
		"commitment-unopened", Critical, "", "3C56",
		"ログが予告した証明書が発行台帳にない", "the log announced certificates that the inventory does not have", misissuedJA, misissued,
	},
	{
		"commitment-twice", Critical, "", "3C56",
		"一つの予告に複数の証明書が対応し、または予告の番号が存在しない",
		"two certificates of the inventory claim one commitment, or one that is not there", misissuedJA, misissued,
	},
	{
		"commitment-salt", Critical, "", "3C56",
		"発行台帳の記載では予告を確かめられない", "the inventory does not have what opens a commitment",
		"署名室で発行台帳を書き出し直し、同じなら原因を調査する",
		"export the inventory again in the signing room; if it is the same, find out why",
	},
	{
		"commitment-root", Critical, "", "3C56",
		"発行台帳の証明書が、ログの予告した証明書と異なる", "the certificates of the inventory are not those that the log announced",
		misissuedJA, misissued,
	},
	{
		"commitment-not-given", Note, "", "3C56",
		"発行台帳の書き出しに、予告を開くための値がない",
		"the inventory has nothing that opens the commitments of this issuer, so they were not checked",
		"開くための値を含めて書き出し、再び検証する", "export the inventory with what opens them, and verify again",
	},
	{
		"commitment-total", Critical, "", "3C56",
		"予告の累計が合わない", "the running total of announced certificates is wrong", misissuedJA, misissued,
	},
}
