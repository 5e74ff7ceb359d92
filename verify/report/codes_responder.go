package report

import "seihon/verify/responder"

const (
	purgeJA = "レスポンダーの世代とキャッシュを確認し、公開し直す。原因が分かるまで失効情報として信頼しない"
	purge   = "look at the responder's generation and at the caches, publish again, and find out who answers"
)

// responderCodes are the findings about what the OCSP responder answers.
var responderCodes = []Code{
	{responder.Fails, Critical, "", "3713", "OCSP レスポンダーが応答しない",
		"the OCSP responder does not answer a question that the master answers", "レスポンダーの稼働状況と経路を確認する",
		"look at the responder and the way to it"},
	{responder.Invalid, Critical, "", "3713", "OCSP レスポンスが検証できない（署名・対象・有効期間）",
		"an OCSP response does not verify: its signature, its certificate or its time", purgeJA, purge},
	{responder.Differs, Critical, "", "3C56", "OCSP レスポンダーの応答が正本と異なる",
		"the OCSP responder does not answer what the master says", purgeJA, purge},
	{responder.Older, Note, "", "3713", "OCSP レスポンダーの応答が正本より古い（キャッシュの保持時間内、または内容は同じ）",
		"the OCSP response is older than the master's: caches may still have it, or it says the same",
		"保持時間の経過後に再度検証する", "check again when caches cannot have it any more"},
	{responder.TwoReadings, Critical, "", "3C56", "OCSP レスポンスの解釈が、独立した二つの実装で異なる",
		"two independent readers do not understand an OCSP response in the same way", "レスポンスを証拠として保全し、符号化の誤りを調査する",
		"keep the response as evidence and examine its encoding"},
	{responder.Edges, Critical, "", "3713", "公開場所によって OCSP の応答が異なる", "places answer the same OCSP question differently",
		purgeJA, purge},
	{responder.Claims, Critical, "", "3C56", "発行していない証明書について OCSP レスポンダーが有効等と応答する",
		"the OCSP responder vouches for a certificate that was never issued", "応答の出所を調査し、署名鍵の使用記録を確認する",
		"find out where the answer comes from, and examine the use of the signing key"},
}
