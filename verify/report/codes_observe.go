package report

import "seihon/verify/observe"

const (
	tellCAJA = "認証局へ知らせ、訂正を求める"
	tellCA   = "tell the CA, and have it corrected"
	askCAJA  = "双方を証拠として保全し、認証局に説明を求める"
	askCA    = "keep both as evidence and ask the CA to explain"
)

// observeCodes are the findings of `publisher observe`, which looks at a CA from outside. They concern no item of the
// survey: what is looked at need not be an accredited CA's.
var observeCodes = []Code{
	{observe.CodeUnreachable, Error, "", "", "公開アドレスが応答しない", "a public address does not answer",
		"アドレスと経路を確認し、続くようなら認証局へ知らせる", "check the address and the way to it; tell the CA if it lasts"},
	{observe.CodeForm, Error, "", "", "届いたものが、DER 形式の CRL または OCSP レスポンス一つではない",
		"what arrived is not one CRL or OCSP response in DER", tellCAJA, tellCA},
	{observe.CodeIssuer, Error, "", "", "CRL が、与えられた証明書の認証局・鍵のものではない",
		"a list is not of the CA, or not of the key, whose certificate is at hand", "発行者証明書とアドレスの組合せを確認する",
		"make sure that certificate and address belong together"},
	{observe.CodeSignature, Critical, "", "", "署名が検証できない", "a signature does not verify", askCAJA, askCA},
	{observe.CodeWeak, Error, "", "", "署名が SHA-1 による", "a signature rests on SHA-1", "SHA-256 以上で署名するよう求める",
		"have it signed with SHA-256 or better"},
	{observe.CodeNoEnd, Error, "", "", "nextUpdate がない", "there is no nextUpdate", tellCAJA, tellCA},
	{observe.CodeAgeing, Warning, "", "", "CRL の有効期間が残り少なく、次の CRL が公開されていない",
		"a list is near its end, and its successor is not there", "次の CRL の公開を確認する",
		"look again, and ask the CA if the successor does not come"},
	{observe.CodeProfile, Error, "", "", "RFC 5280 または RFC 6960 の定めに反する", "something that RFC 5280 or RFC 6960 forbids",
		tellCAJA, tellCA},
	{observe.CodeScope, Error, "", "", "CRL の対象範囲が、そのアドレスのものではない", "the scope of a list is not that of its address",
		"発行配布点とアドレスを一致させるよう求める", "have the issuing distribution point name the address"},
	{observe.CodeDelta, Error, "", "", "デルタ CRL が完全 CRL と整合しない", "a delta list does not go with the complete list",
		tellCAJA, tellCA},
	{observe.CodeDelegate, Error, "", "", "OCSP レスポンダー証明書に問題がある",
		"something is wrong with the certificate of the OCSP responder", "レスポンダー証明書を発行し直すよう求める",
		"have the responder's certificate issued anew"},
	{observe.CodeAnother, Critical, "", "", "OCSP レスポンスが別の証明書についてのものである",
		"an OCSP response is about another certificate", "レスポンダーとキャッシュの設定を確認するよう求める",
		"have the responder and its caches looked at"},
	{observe.CodeNoAnswer, Error, "", "", "認証局の証明書について OCSP が答えない", "OCSP does not know a certificate of its CA",
		tellCAJA, tellCA},
	{observe.CodeHash, Warning, "", "", "一方のハッシュによる OCSP の問い合わせにしか答えない",
		"OCSP answers questions by one hash algorithm only", "SHA-1 と SHA-256 の双方に答えるよう求める",
		"have questions by SHA-1 and by SHA-256 answered"},
	{observe.CodeNonce, Error, "", "", "OCSP レスポンスのノンスに問題がある", "something is wrong with the nonce of an OCSP response",
		tellCAJA, tellCA},
	{observe.CodeTwoAnswers, Error, "", "", "問い合わせ方により OCSP の応答が異なる",
		"the same OCSP question is answered differently, depending on how it is sent", "キャッシュと複数のレスポンダーを確認するよう求める",
		"have the caches and the responders behind one address looked at"},
	{observe.CodeLeft, Warning, "", "", "前回の CRL の記載が消えている（期限切れかどうかは外部から分からない）",
		"an entry left a list; from outside nobody can tell whether its certificate had expired",
		"証明書があれば --certificate で、OCSP があれば --ocsp で与えて再度調べる",
		"give the certificate with --certificate or the responder with --ocsp, and look again"},
	{observe.CodeWentBack, Error, "", "", "前回より古いものが公開されている", "something older than in an earlier run is served",
		"キャッシュを確認し、続くようなら認証局に説明を求める", "look at the caches; ask the CA to explain if it lasts"},
	{observe.CodeNotAsked, Note, "", "", "一覧の記載を調べられない", "something in the list of CAs cannot be looked at",
		"一覧を訂正するか、証明書を --issuer-certificate で与える",
		"correct the list, or give the certificate with --issuer-certificate"},
}
