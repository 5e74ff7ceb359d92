package report

import (
	"fmt"
	"strings"
)

// An ApprovalSummary says whose approval is needed by the newest rule of the log, and how far that was checked.
type ApprovalSummary struct {
	Quorum    int      `json:"quorum"` // 0: no rule is in force, one person suffices
	For       []string `json:"for"`
	People    []string `json:"people"`
	Entry     int64    `json:"entry"`     // of the rule; -1: there is none
	Approvals int      `json:"approvals"` // good ones on record
	Acts      int      `json:"acts"`      // held against them
}

// approval tells the rule on the page.
func (p *page) approval(s *ApprovalSummary) {
	switch {
	case s == nil:
	case s.Quorum == 0:
		p.bothIn("p", "署名室の操作に複数人の承認を必要とする定めは、ログに有効な記録がない。操作はすべて一人で行える。",
			"The log has no rule in force by which acts of the signing room need approval: one person suffices for "+
				"everything.")
	default:
		p.bothIn("p", fmt.Sprintf("複数人の承認：ログの記録 %d の定めにより、%s のうち %d 名の承認が必要である（%s）。該当する操作 %d 件を承認の記録と照合した。",
			s.Entry, strings.Join(s.People, "、"), s.Quorum, strings.Join(s.For, "、"), s.Acts),
			fmt.Sprintf("Approvals: by the rule of log entry %d, %d of %s must approve %s. %d acts were held against "+
				"the approvals on record.",
				s.Entry, s.Quorum, strings.Join(s.People, ", "), strings.Join(s.For, ", "), s.Acts))
	}
}

// text tells the rule in the text report.
func (s *ApprovalSummary) text(b *strings.Builder) {
	switch {
	case s == nil:
	case s.Quorum == 0:
		b.WriteString("approvals: the log has no rule in force; one person suffices for everything in the signing " +
			"room\n承認：有効な定めの記録はなく、署名室の操作はすべて一人で行える\n")
	default:
		fmt.Fprintf(b,
			"approvals: rule of log entry %d: %d of %s for %s; %d acts held against %d approvals\n承認：%d 名のうち %d "+
				"名の承認が必要な操作 %d 件を照合した\n",
			s.Entry, s.Quorum, strings.Join(s.People, ", "), strings.Join(s.For, ", "), s.Acts, s.Approvals,
			len(s.People), s.Quorum, s.Acts)
	}
}
