package status

import (
	"fmt"
	"strings"
	"time"

	"seihon/verify/report"
)

// LineIn is the line in Japanese (ja) or English. The word at its beginning is the same in both, since monitors look
// for it.
func (s *Status) LineIn(lang string) string {
	if lang != "ja" {
		return s.Line()
	}
	word, _, _ := strings.Cut(s.Line(), " ")
	parts := []string{fmt.Sprintf("%s - 正本のログ %d 件、最新は %s", word, s.Size, report.Clock(s.Newest))}
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.Expired > 0 {
		say("期限切れ %d 件", s.Expired)
	}
	if !s.First.IsZero() {
		say("今後署名がなければ、最初の期限は %s（残り %s）", report.Clock(s.First),
			report.SpanJA(s.First.Sub(s.Made).Truncate(time.Minute)))
	}
	for _, t := range s.Targets {
		if t.Synced.IsZero() && t.Samples == 0 {
			say("%s：何も公開されていない", t.Name)
		} else {
			say("%s：遅れ %d 件、%s", t.Name, t.Behind, t.samplesJA())
		}
		if !t.Configured {
			say("%s：設定からなくなっている", t.Name)
		}
		if t.Last != nil && !t.Last.Finished {
			say("%s：直近の同期が完了していない（%s）", t.Name, oneLine(t.Last.Why))
		}
		if n := len(t.Refused); n > 0 {
			say("%s：拒否 %d 件", t.Name, n)
		}
	}
	if v := s.Verification; v != nil {
		var found []string
		for _, f := range v.Findings {
			if f.Severity != report.Note {
				found = append(found, fmt.Sprintf("%s %d 件", f.Code, f.Count))
			}
		}
		if len(found) > 0 {
			say("%s の検証の指摘：%s", report.Clock(v.At), strings.Join(found, "、"))
		}
	}
	for _, r := range s.Reviews {
		if r.Overdue(s.Made) {
			say("文書 %q の見直しの期日は %s", r.Kind, r.Due.Format(time.DateOnly))
		}
	}
	if len(s.ShelfLife) == 0 {
		say("公開すべきものはまだ署名されていない")
	}
	if s.Trial {
		say("試験運用：署名室の鍵は、認定認証業務の鍵ではない")
	}
	return strings.Join(parts, "；")
}

func (t *TargetStatus) samplesJA() string {
	if t.Samples == 0 {
		return "観測なし"
	}
	return fmt.Sprintf("観測 %d 件中 %d 件正常", t.Samples, t.Good)
}

// oneLine keeps a status line a line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
