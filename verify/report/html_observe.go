package report

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"seihon/verify/observe"
)

// WriteHTML writes the observation as one self-contained page in both languages, made like the report of `publisher
// verify`.
func (o *Observation) WriteHTML(w io.Writer) error {
	p := &page{}
	p.begin("公開失効情報の観測報告書", "Observation of public revocation data", observedNames(o.Issuers))
	p.bothIn("h1", "公開失効情報の観測報告書", "Observation of public revocation data")
	p.raw("</header>\n<main>")
	p.observedFront(o)
	p.findings(o.report())
	p.observedLists(o.Lists)
	p.observedResponders(o.Responders)
	p.rules()
	p.raw("</main></div></body></html>\n")
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("writing the observation: %w", err)
	}
	return nil
}

func observedNames(issuers []observe.Issuer) string {
	switch len(issuers) {
	case 0:
		return "-"
	case 1:
		return issuers[0].Name
	}
	return fmt.Sprintf("%s + %d", issuers[0].Name, len(issuers)-1)
}

// observedFront says what was found, and what nobody could see.
func (p *page) observedFront(o *Observation) {
	r := o.report()
	verdict, class := Saying{"外部から見た限り、指摘すべき問題はない。", "Seen from outside, there is nothing to find fault with."}, "ok"
	if !o.OK {
		verdict, class = Saying{"外部から見て、問題がある。", "Seen from outside, there are faults."}, "bad"
	}
	p.raw(`<div class="verdict ` + class + `">`)
	p.bothIn(`p class="big"`, verdict.JA, verdict.EN)
	p.raw("<dl>")
	for _, s := range []Severity{Critical, Error, Warning, Note} {
		p.raw("<div>")
		p.bothIn("dt", severityNames[s].ja, severityNames[s].en)
		p.element("dd", strconv.FormatInt(int64(r.Count(s)), 10))
		p.raw("</div>")
	}
	p.raw("</dl></div>\n<p>")
	p.both("観測日時：", "observed at ")
	p.moment(o.Made)
	p.raw("</p>\n")
	p.bothIn(`p class="label"`, "調べていないもの", "Not looked at")
	p.raw("<ul>")
	for _, n := range o.NotLooked {
		p.bothIn("li", n.JA, n.EN)
	}
	p.raw("</ul>\n")
	p.table("認証局", "Certification authorities", column{"名称", "name"},
		column{"証明書の SHA-256", "SHA-256 of the certificate"}, column{"満了", "expires"})
	for _, i := range o.Issuers {
		p.row(i.Name, i.SHA256, i.NotAfter)
	}
	p.tableEnd()
}

func (p *page) observedLists(lists []observe.List) {
	p.section("lists", "失効リスト", "Revocation lists")
	p.wideTable("失効リスト", "Revocation lists", []int{26, 10, 8, 8, 15, 15, 8, 10}, column{"アドレス", "address"},
		column{"種別", "kind"}, column{"番号", "number"},
		column{"記載数", "entries"}, column{"開始", "from"}, column{"終了", "until"}, column{"経過", "used"},
		column{"大きさ・時間", "size, time"})
	for _, l := range lists {
		kind := column{"届かない", "none"}
		switch {
		case l.Kind != "" && l.Verified:
			kind = kindName(l.Kind)
		case l.Kind != "":
			kind = column{"署名を確認できない", "not believed"}
		}
		used := "–"
		if l.LifeUsed != 0 {
			used = fmt.Sprintf("%.0f %%", 100*l.LifeUsed)
		}
		p.row(l.Address, kind, l.Number, strconv.FormatInt(int64(l.Entries), 10), l.ThisUpdate, l.NextUpdate, used,
			measured(l.Bytes, l.Millisecond))
	}
	p.tableEnd()
	p.end()
}

func measured(bytes, milliseconds int64) string {
	return fmt.Sprintf("%d B, %v", bytes, time.Duration(milliseconds)*time.Millisecond)
}

func (p *page) observedResponders(all []observe.Responder) {
	p.section("responders", "OCSP レスポンダー", "OCSP responders")
	p.table("OCSP レスポンダー", "OCSP responders", column{"アドレス", "address"}, column{"認証局", "CA"},
		column{"問い合わせ", "questions"}, column{"有効", "good"},
		column{"失効", "revoked"}, column{"不明・未発行", "unknown"}, column{"応答なし", "no answer"}, column{"失敗", "failed"},
		column{"署名者", "signer"},
		column{"大きさ", "bytes"}, column{"時間（中央値・最長）", "time (median, longest)"})
	for _, r := range all {
		p.row(r.Address, r.Issuer, strconv.FormatInt(int64(r.Questions), 10), strconv.FormatInt(int64(r.Good), 10),
			strconv.FormatInt(int64(r.Revoked), 10), strconv.FormatInt(int64(r.Unknown), 10),
			strconv.FormatInt(int64(r.None), 10),
			strconv.FormatInt(int64(r.Failed), 10), r.Signer, fmt.Sprintf("%d–%d", r.MinBytes, r.MaxBytes),
			fmt.Sprintf("%d, %d ms", r.Median, r.Slowest))
	}
	p.tableEnd()
	p.end()
}
