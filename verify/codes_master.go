package verify

// masterCodes are the findings about the artifacts of the master and what they mean.
var masterCodes = []Code{
	{"internal", Error, "", "", "検証器の内部不整合", "the verifier met something it has no code for", "開発元へ報告する", "report it to the makers"},
	{"master-missing", Critical, "", "3C56", "正本のバイト列が失われている", "the bytes of a master are missing", restoreJA, restore},
	{"master-damaged", Critical, "", "3C56", "正本のバイト列が記録と異なる", "the bytes of a master are not those that were recorded", restoreJA, restore},
	{"master-unreadable", Error, "", "3C56", "正本を読めない", "a master cannot be read", "ファイルと権限を確認する", "check the file and its permissions"},
	{"section-a", Error, "", "3C56", "公開対象が報告書 3-4 A の条件を満たさない", "an artifact that is to be public does not satisfy section A", "該当規則の指示に従い、署名室で取り下げるか作り直す", "withdraw it in the signing room or make it anew, as the rule says"},
	{"section-a-advice", Note, "", "3713", "公開は可能だが留意点がある", "an artifact may be public, but there is something to know", "内容を確認する", "read the detail"},
	{"document-signature", Error, "document-signature", "3713", "CP/CPS 等の署名が検証できない", "the signature of a document does not hold", "CA に属する証明書で署名し直す", "sign the document again with a certificate of this CA"},
	{"line-kind", Error, "kind-mismatch", "3C56", "台帳の種別と内容が異なる", "content is not of the kind that the ledger records", "署名室で種別を訂正する", "correct the kind in the signing room"},
	{"line-dates", Error, "", "3C56", "台帳の有効期間と内容が異なる", "the dates in the ledger are not those of the content", "署名室の記録処理を調査する", "examine how the signing room records artifacts"},
	{"line-number", Error, "", "3C56", "台帳の番号と内容が異なる", "the number in the ledger is not that of the content", "署名室の記録処理を調査する", "examine how the signing room records artifacts"},
	{"crl-number-backwards", Critical, "crl-number", "3C56", "CRL 番号が後退している", "a CRL number went back", keepJA, keep},
	{"crl-number-reused", Critical, "crl-number", "3C56", "同じ CRL 番号で内容の異なる CRL が存在する", "one CRL number stands for two different lists", keepJA, keep},
	{"crl-time-backwards", Error, "crl-number", "3C56", "thisUpdate が後退している", "the thisUpdate of a list went back", "署名室の時計を確認する", "examine the clock of the signing room"},
	{"crl-gap", Note, "", "3713", "失効情報の公開に空白期間があった", "there was a time without a current list", "空白の理由を稼働実績に記載する", "explain the gap in the record of operation"},
	{"crl-stale", Error, "crl-current", "3713", "CRL の nextUpdate を過ぎている", "a revocation list is past its nextUpdate", "直ちに新しい CRL を発行し公開する", "make and publish a new list at once"},
	{"crl-too-old", Warning, "crl-current", "3713", "CRL が許容経過時間を超えている", "a revocation list is older than allowed", "署名室の予定を確認する", "check the schedule of the signing room"},
	{"not-yet-valid", Error, "", "3713", "有効期間の開始が未来である", "an artifact is dated in the future", "署名室の時計を確認する", "examine the clock of the signing room"},
	{"certificate-expired", Warning, "ca-certificate", "3713", "公開中の証明書が期限切れである", "a published certificate has expired", "取り下げるか、残す理由を記録する", "withdraw it or record why it stays"},
	{"required-missing", Error, "", "3713", "公開すべきものが公開対象にない", "something that must be public is not in the ledger", "署名室で作成し公開する（規則第6条）", "make it in the signing room and publish it (Rule 6)"},
	{"delta-base", Error, "crl-scope", "3713", "デルタ CRL の基準が公開中の CRL より新しい", "a delta CRL builds on a list that is not published", "完全 CRL を先に公開する", "publish the complete list first"},
	{"page-fingerprint", Error, "page", "3713", "公開ページのフィンガープリントが公開中の証明書と一致しない", "a page's fingerprints are not those of what is published", "署名室で索引ページを作り直す", "make the page anew in the signing room"},
	{"url-missing", Error, "", "3713", "証明書・CRL 内の URL の指す名前が公開対象にない", "a URL in a certificate or list leads to a name that is not published", "その名前で公開するか、設定の URL を改める", "publish under that name, or change the URL in the profile"},
	{"url-wrong", Error, "", "3713", "証明書・CRL 内の URL が別のものを指している", "a URL in a certificate or list leads to something else", "名前と内容の対応を改める", "publish the right artifact under that name"},
	{"url-elsewhere", Warning, "", "3713", "証明書・CRL 内の URL が別の場所を指している", "a URL in a certificate or list leads to another place", "意図したものか確認する", "make sure that this is intended"},
}

// statusCodes are the findings about OCSP responses and their agreement with the lists.
var statusCodes = []Code{
	{"generation-damaged", Error, "ocsp-generation", "3C56", "世代ファイルの形式が不正", "a generation file is malformed", "署名室で作り直す", "make it anew in the signing room"},
	{"generation-number", Error, "ocsp-generation", "3713", "世代番号が後退または重複している", "a generation number went back or was used twice", keepJA, keep},
	{"generation-bundle", Error, "ocsp-bundle", "3C56", "世代ファイルとバンドルが一致しない", "a generation file and its bundle disagree", "署名室で作り直す", "make the generation anew in the signing room"},
	{"bundle-damaged", Error, "ocsp-bundle", "3C56", "バンドルの形式が不正", "an OCSP bundle is malformed", "署名室で作り直す", "make it anew in the signing room"},
	{"bundle-shard", Error, "ocsp-bundle", "3713", "応答が誤ったシャードにあり、検索で見つからない", "a response is in a shard where no responder looks for it", "署名室で作り直す", "make the bundle anew in the signing room"},
	{"ocsp-certid", Error, "ocsp-signature", "3713", "応答の CertID が索引・発行者と一致しない", "the CertID of a response is not that of its place or of its issuer", "署名室で作り直す", "make the response anew in the signing room"},
	{"ocsp-stale", Error, "ocsp-current", "3713", "OCSP レスポンスの nextUpdate を過ぎている", "an OCSP response is past its nextUpdate", "直ちに更新し公開する", "refresh and publish at once"},
	{"coherence-good-but-revoked", Critical, "", "3713", "失効済みの証明書に good と応答している", "the answer is good for a certificate that the CRL lists as revoked", "直ちに応答を更新し、経緯を調査する", "refresh the response at once and find out how this came about"},
	{"coherence-revoked-not-listed", Error, "", "3713", "OCSP では失効、CRL には掲載されていない", "the answer is revoked, but no CRL lists the certificate", "新しい CRL を発行する", "make a new list"},
	{"coherence-date", Error, "", "3713", "失効日時が CRL と OCSP で異なる", "CRL and OCSP give different times of revocation", "台帳を確認し、作り直す", "look it up in the inventory and make both anew"},
	{"coherence-reason", Warning, "", "3713", "失効理由が CRL と OCSP で異なる", "CRL and OCSP give different reasons of revocation", "台帳を確認し、作り直す", "look it up in the inventory and make both anew"},
	{"coherence-no-answer", Warning, "", "3713", "CRL 掲載の証明書に対する OCSP 応答がない", "a certificate on the CRL has no OCSP response", "期限内の証明書なら応答を作成する", "make a response if the certificate has not expired"},
	{"inventory-no-answer", Error, "", "3713", "有効期間内の証明書に対する応答がない", "an unexpired certificate has no OCSP response", "応答を作成し公開する", "make and publish the response"},
	{"inventory-differs", Critical, "", "3713", "発行簿と公開された状態が異なる", "the inventory and the published status disagree", "直ちに CRL と応答を更新し、経緯を調査する", "refresh list and response at once and find out how this came about"},
	{"inventory-not-listed", Error, "", "3713", "発行簿で失効済みの証明書が CRL にない", "a revoked certificate of the inventory is on no list", "新しい CRL を発行する", "make a new list"},
	{"inventory-unknown", Error, "", "3713", "発行簿にない証明書について応答している", "there are answers about certificates that the inventory does not know", "誤発行または鍵の不正使用を疑い調査する", "suspect misissuance or misuse of the key, and examine"},
}
