package report

import (
	"fmt"
	"strconv"
	"time"

	"seihon/sectiona"
)

func (p *page) record(r *Report) {
	p.section("record", "関連するログと稼働実績", "Logs and record of operation")
	if r.Record == nil {
		p.bothIn("p", "この検証では調べていない。", "Not looked at in this check.")
		p.end()
		return
	}
	p.memory(r.Memory)
	p.exceptions(r.Exceptions)
	p.hsm(r.HSM)
	p.approval(r.Approval)
	rec := r.Record
	if !rec.Retention.Floor.IsZero() {
		p.bothIn("p", fmt.Sprintf("最後に満了する証明書の有効期間の満了日は %s であり、記録は少なくとも %s まで保存する（規則第12条第2項）。",
			Day(rec.Retention.LastExpiry), Day(rec.Retention.Floor)),
			fmt.Sprintf("The last certificate concerned expires on %s, so the records are to be kept until %s at "+
				"least (Rule 12 (2)).", Day(rec.Retention.LastExpiry), Day(rec.Retention.Floor)))
	}
	p.uptime(rec.Uptime)
	p.signedSamples(rec.Signed)
	p.reviews(rec, r.Made)
	p.events("取下げ", "Withdrawals", rec.Withdrawals)
	p.events("鍵の更新", "Key rotations", rec.Rotations)
	p.events("証跡", "Recorded evidence", rec.Evidence)
	p.events("規則による公開拒否", "Refusals by section A", rec.Refusals)
	p.end()
}

func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (p *page) events(ja, en string, events []Event) {
	if len(events) == 0 {
		return
	}
	p.table(ja, en, column{"日時", "time"}, column{"ログ", "log"}, column{"記録番号", "entry"}, column{"対象", "what"},
		column{"内容", "detail"})
	for _, e := range events {
		p.row(e.Time, column{sourceNames[e.Log], e.Log}, strconv.FormatInt(e.Entry, 10), e.Name, saying(e.Detail))
	}
	p.tableEnd()
}

// rules shows each rule once, and each sentence of the report once.
func (p *page) rules() {
	p.section("rules", "報告書 3-4 A の規則（"+sectiona.Pack+"）", "Rules of section A ("+sectiona.Pack+")")
	p.bothIn("p", "報告書（案）に基づく。確定版ではない。公開対象は内容により分類し、いずれかの規則が許可しない限り公開を認めない。",
		"From the draft of the report; not its final text. What is public is classified by content and denied unless "+
			"a rule allows it.")
	var quotes []sectiona.Rule
	number := map[string]string{}
	for _, rule := range sectiona.Rules() {
		if number[rule.Quote] == "" {
			quotes = append(quotes, rule)
			number[rule.Quote] = fmt.Sprintf("A%d", len(quotes))
		}
	}
	p.table("報告書の文言", "Sentences of the report", column{"番号", "number"}, column{"文言", "sentence"})
	for _, q := range quotes {
		p.row(number[q.Quote], column{q.Quote, q.Gloss})
	}
	p.tableEnd()
	p.table("規則", "Rules", column{"規則", "rule"}, column{"判定", "verdict"}, column{"要件", "asks for"},
		column{"文言", "sentence"})
	verdicts := map[string]column{sectiona.Allow: {"許可", "allow"}, sectiona.Deny: {"禁止", "deny"}}
	for _, rule := range sectiona.Rules() {
		p.raw(`<tr id="rule-` + rule.ID + `">`)
		p.element(`th scope="row"`, rule.ID)
		p.bothIn(`td class="short"`, verdicts[rule.Verdict].ja, verdicts[rule.Verdict].en)
		p.sayIn("td", rule.Need)
		p.element(`td class="short"`, number[rule.Quote])
		p.raw("</tr>")
	}
	p.tableEnd()
	p.end()
}

// evidence says how to come to the same result.
func (p *page) evidence(r *Report) {
	p.section("evidence", "再現の方法", "How to repeat")
	p.bothIn("p", "第 1 ページのチェックポイントを保管し、次回の検証で --checkpoint に与えると、ログの切り詰め・書き換えが検出される。",
		"Keep the checkpoints of page one and give them to the next check with --checkpoint: a truncated or "+
			"rewritten log is then found out.")
	p.bothIn("p", "同じ入力と時刻を publisher verify --json --now に与えれば、誰でもこの結果を再現できる。",
		"Anybody can reproduce this with publisher verify --json --now on the same input and time.")
	p.bothIn("p",
		"別紙の各行は sha256sum で確かめられる（OCSP 世代は先頭の size バイト：head -c）。ログは Tessera の fsck -ui=false で確かめられる。手順は "+
			"docs/verify.ja.md にある。",
		"Each line of the annex is derived again with sha256sum (of an OCSP generation the first size bytes: head "+
			"-c), the log with Tessera's fsck -ui=false; docs/verify.en.md has the commands.")
	if r.Tier == TierSample && r.Sample != nil {
		p.bothIn("p", fmt.Sprintf("抽出は --sample %d --seed %d で再現できる。", r.Sample.Names, r.Sample.Seed),
			fmt.Sprintf("The draw is repeated by --sample %d --seed %d.", r.Sample.Names, r.Sample.Seed))
	}
	p.end()
}
