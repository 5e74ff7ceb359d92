package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/shelflife"
	"seihon/verify/report"
)

// A Concern is one reason why a status is not all well, or what somebody will have to do soon. It
// is warned of from a warning on; a note is for the page alone.
type Concern struct {
	Code     string          `json:"code"`
	Severity report.Severity `json:"severity"`
	Name     string          `json:"name,omitempty"`  // of the artifact, target or kind of document
	Count    int64           `json:"count,omitempty"` // how often, of the findings of a verification
	TextJA   string          `json:"text_ja"`
	TextEN   string          `json:"text_en"`
	HintJA   string          `json:"hint_ja"`
	Hint     string          `json:"hint"`
}

// statusConcerns are the concerns that the status finds by itself. Those that the last verification found have the
// codes, texts and hints of docs/findings.md.
var statusConcerns = []report.Code{
	{Code: "status-expired", Severity: report.Critical, TextEN: "a current artifact has expired",
		TextJA: "公開中のものの有効期限が切れている",
		Hint:   "look at the signing room and the HSM now (docs/operations.md, HSM outage)",
		HintJA: "直ちに署名室と HSM を確認する（docs/operations.md「HSM outage」）"},
	{Code: "status-expires", Severity: report.Warning,
		TextEN: "the first artifact expires soon unless the signing room signs", TextJA: "署名室が署名しなければ、最初の期限が間もなく来る",
		Hint:   "look at signer run and the HSM (docs/operations.md, HSM outage)",
		HintJA: "signer run と HSM を確認する（docs/operations.md「HSM outage」）"},
	{Code: "status-behind", Severity: report.Warning, TextEN: "a target lacks entries of the master log",
		TextJA: "公開先が正本のログより遅れている",
		Hint:   "run publisher sync and read what it says of this target",
		HintJA: "publisher sync を実行し、この公開先についての表示を確認する"},
	{Code: "status-empty", Severity: report.Warning, TextEN: "the master log has nothing that could be public",
		TextJA: "正本のログに、公開すべきものがまだない",
		Hint:   "run the ceremony, then signer run (docs/first-hour.md); if there was more, restore the master",
		HintJA: "鍵生成式の後 signer run を実行する（docs/first-hour.md）。以前はあったなら、正本を復元する"},
	{Code: "status-trial", Severity: report.Note,
		TextEN: "the keys of the signing room are on trial, not those of an accredited CA",
		TextJA: "署名室の鍵は試験運用のもので、認定認証業務の鍵ではない",
		Hint:   "have the room sign with an approved HSM before it is in earnest (docs/hsm.md, what may sign)",
		HintJA: "本番の前に、承認された HSM で署名する（docs/hsm.md「署名してよいもの」）"},
	{Code: "status-unsent", Severity: report.Warning,
		TextEN: "a target of the configuration has never been published to", TextJA: "設定にある公開先に、まだ何も公開されていない",
		Hint: "run publisher sync", HintJA: "publisher sync を実行する"},
	{Code: "status-dropped", Severity: report.Warning,
		TextEN: "a target that was published to is no longer in the configuration", TextJA: "公開したことのある公開先が、設定からなくなっている",
		Hint:   "put it back, or retire it on record: publisher retire --target NAME --reason TEXT",
		HintJA: "設定に戻すか、記録に残して廃止する：publisher retire --target NAME --reason TEXT"},
	{Code: "status-unfinished", Severity: report.Warning, TextEN: "the last sync of a target did not finish",
		TextJA: "公開先への直近の同期が完了していない",
		Hint:   "run publisher sync and read what it says of this target",
		HintJA: "publisher sync を実行し、この公開先についての表示を確認する"},
	{Code: "status-samples", Severity: report.Warning, TextEN: "the last probe of a target had bad samples",
		TextJA: "公開先の直近の観測に異常がある",
		Hint:   "run publisher probe; it names the address and the error",
		HintJA: "publisher probe を実行する。アドレスとエラーが表示される"},
	{Code: "status-refused", Severity: report.Warning, Rule: "3-4 A",
		TextEN: "section A keeps a current artifact away from a target", TextJA: "報告書 3-4 A の規則により公開を拒否されている現行のものがある",
		Hint:   "publisher explain --file names the rule; withdraw the artifact in the signing room",
		HintJA: "publisher explain --file で規則を確認し、署名室で取り下げる"},
	{Code: "status-review", Severity: report.Warning, TextEN: "the review of a document is overdue",
		TextJA: "文書の見直しの期日を過ぎている",
		Hint:   "review it and record the new one: signer evidence --kind KIND --file FILE --review DAY",
		HintJA: "見直しを行い、記録する：signer evidence --kind KIND --file FILE --review DAY"},
	{Code: "status-review-soon", Severity: report.Note, TextEN: "the review of a document is due within 30 days",
		TextJA: "文書の見直しの期日が 30 日以内に来る",
		Hint:   "plan it with whoever has to sign it", HintJA: "署名する責任者と日程を決める"},
	{Code: "status-unverified", Severity: report.Note, TextEN: "no verification is on record", TextJA: "検証の記録がない",
		Hint: "publisher run verifies and records it", HintJA: "publisher run は検証を行い、記録する"},
}

// Concerns returns the concerns that a status finds by itself.
func Concerns() []report.Code { return slices.Clone(statusConcerns) }

// concern adds one; count is of the findings of a verification only.
func (s *Status) concern(code string, severity report.Severity, name string, count int64) {
	i := slices.IndexFunc(statusConcerns, func(c report.Code) bool { return c.Code == code })
	c := report.CodeByName[code]
	if i >= 0 {
		c = statusConcerns[i]
	}
	if c.Code == "" { // of another version of this program
		c = report.Code{TextEN: "a finding that this version does not know", TextJA: "このバージョンの知らない指摘",
			Hint: "run publisher verify", HintJA: "publisher verify を実行する"}
	}
	if severity == "" {
		severity = c.Severity
	}
	s.Concerns = append(s.Concerns, Concern{code, severity, name, count, c.TextJA, c.TextEN, c.HintJA, c.Hint})
}

// judge finds the concerns, and what they mean for the whole.
func (s *Status) judge(c Config) {
	s.Concerns = []Concern{}
	s.judgeLife(c)
	if len(s.ShelfLife) == 0 {
		s.concern("status-empty", "", "", 0)
	}
	if s.Trial {
		s.concern("status-trial", "", "", 0)
	}
	for _, t := range s.Targets {
		switch {
		case !t.Configured:
			s.concern("status-dropped", "", t.Name, 0)
		case t.Synced.IsZero():
			s.concern("status-unsent", "", t.Name, 0)
		}
		if t.Last != nil && !t.Last.Finished {
			s.concern("status-unfinished", "", t.Name, 0)
		}
		if t.Behind > 0 {
			s.concern("status-behind", "", t.Name, 0)
		}
		if t.Good < t.Samples {
			s.concern("status-samples", "", t.Name, 0)
		}
		for _, r := range t.Refused {
			s.concern("status-refused", "", r.Name, 0)
		}
	}
	for _, r := range s.Reviews {
		switch {
		case r.Overdue(s.Made):
			s.concern("status-review", "", r.Kind, 0)
		case r.Soon(s.Made):
			s.concern("status-review-soon", "", r.Kind, 0)
		}
	}
	if s.Verification == nil {
		s.concern("status-unverified", "", "", 0)
	} else {
		for _, f := range s.Verification.Findings {
			s.concern(f.Code, f.Severity, "", f.Count)
		}
	}
	slices.SortStableFunc(s.Concerns, func(a, b Concern) int {
		return cmp.Compare(report.SeverityRank[a.Severity], report.SeverityRank[b.Severity])
	})
	for _, c := range s.Concerns {
		s.Critical = s.Critical || c.Severity == report.Critical
		s.Warn = s.Warn || c.Severity != report.Note
	}
}

func (s *Status) judgeLife(c Config) {
	for _, l := range s.ShelfLife {
		if artifact.Stale(l.NextUpdate, s.Made) {
			s.concern("status-expired", "", l.Name, 0)
		}
	}
	if s.First.IsZero() || !s.First.After(s.Made) {
		return
	}
	worst, name := shelflife.Long, ""
	for _, l := range s.ShelfLife { // the first to expire first
		if artifact.Kind(l.Kind).IsCertificate() || artifact.Stale(l.NextUpdate, s.Made) {
			continue
		}
		if v := c.Limits.Judge(l.ThisUpdate, l.NextUpdate, s.Made); v > worst {
			worst, name = v, l.Name
		}
	}
	switch worst {
	case shelflife.Critical:
		s.concern("status-expires", report.Critical, name, 0)
	case shelflife.Short:
		s.concern("status-expires", report.Warning, name, 0)
	}
}

// said is the rest of the status line: what the figures before it do not tell.
func (s *Status) said() (all string) {
	if v := s.Verification; v != nil {
		var found []string
		for _, f := range v.Findings {
			if f.Severity != report.Note {
				found = append(found, fmt.Sprintf("%d × %s", f.Count, f.Code))
			}
		}
		if len(found) > 0 {
			all = "; the verification of " + report.Stamp(v.At) + " found " + strings.Join(found, ", ")
		}
	}
	for _, t := range s.Targets {
		if !t.Configured {
			all += fmt.Sprintf("; %s is no longer in the configuration", t.Name)
		}
		if t.Last != nil && !t.Last.Finished {
			all += fmt.Sprintf("; %s: the last sync did not finish: %s", t.Name, oneLine(t.Last.Why))
		}
		if n := len(t.Refused); n > 0 {
			all += fmt.Sprintf("; %s: %d refused", t.Name, n)
		}
	}
	for _, r := range s.Reviews {
		if r.Overdue(s.Made) {
			all += fmt.Sprintf("; the review of %q was due %s", r.Kind, r.Due.Format(time.DateOnly))
		}
	}
	if len(s.ShelfLife) == 0 {
		all += "; nothing is signed that could be public"
	}
	if s.Trial {
		all += "; on trial: no key is of an accredited CA"
	}
	return all
}
