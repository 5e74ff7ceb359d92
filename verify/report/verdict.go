package report

import (
	"fmt"
	"slices"
	"strings"

	"seihon/verify/responder"
)

// A Scope says what a check did. Every sentence of a verdict follows from it, so that no report claims what nobody
// looked at.
type Scope struct {
	// "bytes": read and compared with their digests; "sizes"; "none"
	Master      string `json:"master"`
	Memory      bool   `json:"memory"`       // the past was compared with itself
	Copies      int    `json:"copies"`       // places that were looked at
	CopyContent string `json:"copy_content"` // "all", "sample", "sizes" or "none"
	HTTP        bool   `json:"http"`         // at least one place answered over HTTP
	Unlisted    int    `json:"unlisted"`     // places where nothing was looked for that nobody promised
	URLs        bool   `json:"urls"`         // the addresses inside certificates and lists were followed
	Responder   bool   `json:"responder"`    // an OCSP responder was asked
	// issuers with a status of which no certificate is known to ask about
	Unasked     []string `json:"unasked,omitempty"`
	Inventory   bool     `json:"inventory"`
	Commitments int64    `json:"commitments"` // to certificates that were opened
	// artifacts were held against the verdicts on the room's HSM
	HSM                bool     `json:"hsm"`
	Publication        string   `json:"publication"`          // "checked", "no-key" or "no-log"
	Vantages           int      `json:"vantages"`             // outside ones, whose signed samples count
	Rounds             *Rounds  `json:"rounds,omitempty"`     // of samples in the publication log
	KnownOfPublication int      `json:"known_of_publication"` // the same of the publication log
	Unseen             []string `json:"unseen"`               // targets with receipts that were not looked at
	Known              int      `json:"known"`                // checkpoints that the auditor had seen before
	Timestamps         int      `json:"timestamps"`           // tokens that were verified
	Witnesses          int      `json:"witnesses"`            // cosignatures that were verified
}

// What a Scope says of bytes.
const (
	ContentAll    = "all"
	ContentSample = "sample"
	ContentSizes  = "sizes"
	ContentNone   = "none"
	MasterBytes   = "bytes"

	PublicationChecked = "checked"
	PublicationNoKey   = "no-key"
	PublicationNoLog   = "no-log"
)

// A Verdict is the outcome in words.
type Verdict struct {
	JA         string     `json:"ja"`
	EN         string     `json:"en"`
	Checked    []Unlooked `json:"checked"`
	NotChecked []Unlooked `json:"not_checked"`
}

// An Unlooked is something that this check did or did not look at. IDs are API.
type Unlooked struct {
	ID string `json:"id"`
	JA string `json:"ja"`
	EN string `json:"en"`
}

// Asked says what of the questions to responders could not be asked, for the verdict.
func (s *Scope) Asked(all []ResponderSummary) {
	for _, r := range all {
		s.Responder = s.Responder || len(r.Issuers) > 0
		for _, n := range r.Issuers {
			for _, of := range []struct {
				n    int
				kind string
			}{{n.Good, responder.Good}, {n.Revoked, responder.Revoked}, {n.NeverIssued, responder.NeverIssued}} {
				if gap := n.Issuer + " " + of.kind; of.n == 0 && !slices.Contains(s.Unasked, gap) {
					s.Unasked = append(s.Unasked, gap)
				}
			}
		}
	}
}

// Judge puts the outcome into words.
func (r *Report) Judge() {
	ja, en := r.sentence()
	r.Verdict = &Verdict{JA: ja, EN: en, Checked: r.Scope.looked(r), NotChecked: r.Scope.unlooked()}
}

func (r *Report) sentence() (ja, en string) {
	s := r.Scope
	if !r.OK {
		return "一致しない点または注意すべき点がある。指摘事項を参照。", "There are disagreements or points that need attention. See the findings."
	}
	switch {
	case s.Master == ContentNone:
		return "ログは署名と一致し、改変されていない。正本と副本の内容は調べていない。",
			"The log is what was signed and was not altered. Neither masters nor copies were looked at."
	case s.Master == ContentSizes && s.Copies == 0:
		return "ログは署名と一致し、正本は全て記録どおりの大きさで存在する。内容と副本は調べていない。",
			"The log is what was signed, and every master is there with its size. No content and no copy was looked at."
	case s.Master == ContentSizes:
		return "ログは署名と一致し、正本と副本は全て記録どおりの名前と大きさで存在する。内容は読んでいない。",
			"The log is what was signed, and every master and copy is there with its name and size. No content " +
				"was read."
	case s.Copies == 0:
		return "正本は全てログの記録と一致し、規則が認める内容であり、有効期間内である。副本は調べていない。",
			"Every master is what the log records, is allowed, and nothing is stale. No copy was looked at."
	case s.CopyContent == ContentSample:
		return "正本は全てログの記録と一致する。調べた副本（無作為抽出）は正本と一致し、公開は規則の範囲内かつ有効期間内である。",
			"Every master is what the log records. The copies that were drawn are equal to their masters, what was " +
				"read is allowed, and nothing is stale."
	}
	return "正本と副本は一致し、公開は規則の範囲内かつ有効期間内である。",
		"Master and copies are equal, what is public is allowed, and nothing is stale."
}

// unlooked lists what was not looked at, the weightiest first.
func (s Scope) unlooked() []Unlooked {
	all := []Unlooked{}
	without := func(missing bool, id, ja, en string) {
		if missing {
			all = append(all, Unlooked{id, ja, en})
		}
	}
	without(s.Master == ContentNone, "masters", "正本の内容", "the masters themselves")
	without(s.Master == ContentSizes, "master-content", "正本の内容（大きさのみ照合）",
		"the content of the masters (only their sizes)")
	without(!s.Memory, "past", "過去の CRL・OCSP レスポンスとの連続性", "whether lists and responses kept what earlier ones said")
	without(s.Copies == 0, "copies", "副本（公開場所）", "any public copy")
	without(s.Copies > 0 && s.CopyContent == ContentNone, "copies", "副本の内容（公開されたログのみ照合）",
		"the copies (only their public log)")
	without(s.CopyContent == ContentSizes, "copy-content", "副本の内容（名前と大きさのみ照合）",
		"the content of the copies (only names and sizes)")
	without(s.CopyContent == ContentSample, "rest-of-copies", "抽出されなかった副本", "the copies that were not drawn")
	without(s.Copies > 0 && !s.HTTP, "http", "公開アドレス（HTTP での応答とヘッダー）",
		"the public address: what answers over HTTP, and its headers")
	without(s.Copies > 0 && s.Unlisted > 0, "listing", fmt.Sprintf("台帳外の公開物（%d か所で一覧を取得できない）", s.Unlisted),
		fmt.Sprintf("objects that nobody promised (%d places were not listed)", s.Unlisted))
	without(!s.Responder && !s.HTTP, "responder", "OCSP レスポンダーの応答", "the answers of the OCSP responder")
	without(!s.Responder && s.HTTP, "responder", "OCSP レスポンダーの応答（レスポンダーが設定されていない）",
		"the answers of the OCSP responder (none is configured)")
	without(len(s.Unasked) > 0, "responder-questions",
		"OCSP レスポンダーへの一部の質問（該当する証明書がない発行者：状態 "+strings.Join(s.Unasked, "、")+"）",
		"some questions to the OCSP responder (no certificate of that status is known: "+strings.Join(s.Unasked, ", ")+
			")")
	without(!s.URLs, "urls", "証明書・CRL 内の URL", "the URLs inside certificates and lists")
	without(!s.Inventory, "inventory", "発行台帳との一致", "agreement with the inventory")
	without(s.Inventory && s.Commitments == 0, "commitments", "発行前の予告（コミットメント）との一致",
		"whether the log announced every certificate before it was signed")
	without(!s.HSM, "hsm", "署名に使われた HSM の可否（該当する判定の記録がない、または読めない）",
		"whether an approved HSM signed (no verdict on record here speaks of its keys)")
	without(s.Known == 0, "checkpoint", "前回のチェックポイントとの整合（切り詰め・巻き戻し）",
		"consistency with an earlier checkpoint (truncation, roll-back)")
	without(s.Publication == PublicationNoLog, "publication-log", "公開ログ（受領記録と稼働実績）",
		"the publication log: receipts and record of operation")
	without(s.Publication == PublicationNoKey, "publication-log", "公開ログ（検証鍵がない）",
		"the publication log: its key was not given")
	without(s.Publication == PublicationChecked && s.KnownOfPublication == 0, "publication-checkpoint",
		"公開ログの前回のチェックポイントとの整合",
		"consistency of the publication log with an earlier checkpoint")
	if n := s.Rounds; n != nil {
		without(n.Taken == 0, "uptime", "稼働率（観測が行われていない）", "the availability (no samples were taken)")
		without(n.Taken > 0 && n.Taken < n.Expected, "uptime",
			fmt.Sprintf("観測のない時間の公開状況（予定 %d 回のうち %d 回は観測なし）", n.Expected, n.Expected-n.Taken),
			fmt.Sprintf("what was public while nobody took samples (%d of %d expected rounds)", n.Expected-n.Taken,
				n.Expected))
	}
	without(s.Vantages == 0, "vantages", "第三者（外部の観測者）の署名付き観測", "signed samples of an outside vantage")
	without(len(s.Unseen) > 0, "targets", "公開ログに記録のある公開先 "+strings.Join(s.Unseen, "、"),
		"places that the publication log has receipts of: "+strings.Join(s.Unseen, ", "))
	without(s.Timestamps == 0, "timestamps", "タイムスタンプ", "time-stamps")
	without(s.Witnesses == 0, "witnesses", "第三者（証人）の連署", "cosignatures of witnesses")
	return all
}

// text tells the verdict and what is not in it.
func (v *Verdict) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s\n%s\n", v.EN, v.JA)
	if len(v.NotChecked) == 0 {
		return
	}
	var en, ja []string
	for _, u := range v.NotChecked {
		en, ja = append(en, u.EN), append(ja, u.JA)
	}
	fmt.Fprintf(b, "not looked at: %s\n調べていないもの：%s\n", strings.Join(en, "; "), strings.Join(ja, "、"))
}

// verdict is the first thing on the page: the sentence, what is not in it, and what was counted.
func (p *page) verdict(r *Report) {
	class := "ok"
	if !r.OK {
		class = "bad"
	}
	v := r.Verdict
	p.raw(`<section class="verdict ` + class + `" aria-label="結論 / Verdict"><p class="big">`)
	p.both(v.JA, v.EN)
	p.raw("</p>")
	p.raw(`<div class="scope">`)
	for _, half := range []struct {
		ja, en string
		all    []Unlooked
	}{{"この検証で調べたもの：", "Looked at in this check:", v.Checked},
		{"この検証で調べていないもの：", "Not looked at in this check:", v.NotChecked}} {
		if len(half.all) == 0 {
			continue
		}
		p.raw("<div>")
		p.bothIn(`p class="label"`, half.ja, half.en)
		p.raw("<ul>")
		for _, u := range half.all {
			p.bothIn("li", u.JA, u.EN)
		}
		p.raw("</ul></div>")
	}
	p.raw("</div>")
	p.raw("<dl>")
	for _, f := range r.facts() {
		p.raw("<div>")
		p.bothIn("dt", f.ja, f.en)
		p.element("dd", f.value)
		p.raw("</div>")
	}
	p.raw("</dl></section>\n")
}

type fact struct{ ja, en, value string }

// facts counts the findings, and what was looked at: nothing is counted that the tier leaves out.
func (r *Report) facts() []fact {
	facts := []fact{
		{"重大な不適合", "critical", fmt.Sprint(r.Count(Critical))}, {"不適合", "errors", fmt.Sprint(r.Count(Error))},
		{"観察事項", "warnings", fmt.Sprint(r.Count(Warning))}, {"備考", "notes", fmt.Sprint(r.Count(Note))},
		{"ログの記録", "log entries", fmt.Sprint(r.Counts.Entries)},
	}
	if r.Scope.Master != ContentNone {
		facts = append(facts, fact{"正本", "masters", fmt.Sprint(r.Counts.Artifacts)})
	}
	if r.Scope.Master == MasterBytes {
		facts = append(facts, fact{"署名検証", "signatures verified", fmt.Sprint(r.Counts.Signatures)},
			fact{"OCSP レスポンス", "OCSP responses", fmt.Sprint(r.Counts.Responses)},
			fact{"失効", "revocations", fmt.Sprint(r.Counts.Revocations)})
	}
	return facts
}
