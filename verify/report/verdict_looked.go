package report

import "fmt"

// looked lists what this check did look at, so that a reader sees both halves.
func (s Scope) looked(r *Report) []Unlooked {
	all := []Unlooked{}
	with := func(done bool, id, ja, en string) {
		if done {
			all = append(all, Unlooked{id, ja, en})
		}
	}
	with(r.Log.Size > 0, "log", "正本のログ：署名、全ての記録とハッシュ、目録",
		"the master log: signatures, every entry and hash, the manifests")
	with(s.Known > 0, "checkpoint", fmt.Sprintf("前回のチェックポイントとの整合（%d 件）", s.Known),
		fmt.Sprintf("consistency with %d earlier checkpoints", s.Known))
	m := compared[s.Master]
	with(s.Master != ContentNone, "masters", trimStop(m.ja), trimStop(m.en))
	c := compared["copies "+s.CopyContent]
	with(s.CopyContent != ContentNone, "copies", trimStop(c.ja), trimStop(c.en))
	deep := s.Master == MasterBytes
	with(deep, "meaning", "全ての正本の内容：種別、署名、番号、日時、報告書 3-4 A の規則",
		"what every master says: kind, signature, number, dates, and the rules of section A")
	with(deep, "status", "公開中の CRL と OCSP レスポンスの一致及び有効期限", "that current lists and OCSP responses agree and hold")
	with(s.Memory, "past", "過去の CRL・OCSP レスポンスとの連続性", "that lists and responses kept what earlier ones said")
	with(s.HTTP, "http", "公開アドレスでの HTTP 応答とヘッダー", "what answers over HTTP at the public address, and its headers")
	with(s.Copies > s.Unlisted, "listing", fmt.Sprintf("台帳外の公開物（%d か所の一覧）", s.Copies-s.Unlisted),
		fmt.Sprintf("objects that nobody promised (%d places were listed)", s.Copies-s.Unlisted))
	with(s.Responder, "responder", "OCSP レスポンダーの応答", "the answers of the OCSP responder")
	with(s.URLs, "urls", "証明書・CRL 内の URL", "the URLs inside certificates and lists")
	with(s.Inventory, "inventory", "発行台帳との一致", "agreement with the inventory")
	with(s.Commitments > 0, "commitments", fmt.Sprintf("発行前の予告（コミットメント）%d 件", s.Commitments),
		fmt.Sprintf("%d commitments of before the signatures", s.Commitments))
	with(s.HSM, "hsm", "CRL・証明書・OCSP レスポンスに署名した鍵が、その時点の HSM の可否の記録で認められていること",
		"that the verdict on the HSM that was in force let the keys of lists, certificates and responses sign")
	with(s.Publication == PublicationChecked, "publication-log", "公開ログ：署名、受領記録、稼働実績",
		"the publication log: signatures, receipts, record of operation")
	with(s.Publication == PublicationChecked && s.KnownOfPublication > 0, "publication-checkpoint",
		fmt.Sprintf("公開ログの前回のチェックポイントとの整合（%d 件）", s.KnownOfPublication),
		fmt.Sprintf("consistency of the publication log with %d earlier checkpoints", s.KnownOfPublication))
	with(s.Vantages > 0, "vantages", fmt.Sprintf("外部の観測者 %d 者の署名付き観測", s.Vantages),
		fmt.Sprintf("signed samples of %d outside vantages", s.Vantages))
	with(s.Timestamps > 0, "timestamps", fmt.Sprintf("タイムスタンプ %d 件", s.Timestamps),
		fmt.Sprintf("%d time-stamps", s.Timestamps))
	with(s.Witnesses > 0, "witnesses", fmt.Sprintf("第三者（証人）の連署 %d 件", s.Witnesses),
		fmt.Sprintf("%d cosignatures of witnesses", s.Witnesses))
	return all
}

// trimStop makes an item of a list of a sentence.
func trimStop(s string) string {
	for _, stop := range []string{"。", "."} {
		if n := len(s) - len(stop); n > 0 && s[n:] == stop {
			return s[:n]
		}
	}
	return s
}
