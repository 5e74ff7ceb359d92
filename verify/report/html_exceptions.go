package report

import (
	"fmt"
	"strconv"
	"strings"
)

// exceptions shows the exceptions that the log holds.
func (p *page) exceptions(all []ExceptionEntry) {
	if len(all) == 0 {
		return
	}
	p.table("例外（署名により公開を認められた CA の既知の逸脱）", "Exceptions (known deviations of a CA that a signature allowed)",
		column{"日時", "time"},
		column{"記録番号", "entry"}, column{"発行者", "issuer"}, column{"理由", "reason"}, column{"種別", "kinds"},
		column{"期限", "until"},
		column{"効力", "counts"}, column{"今回認めたもの", "let pass in this check"})
	for i := range all {
		o := &all[i]
		counts := column{"あり", "yes"}
		if !o.Counts {
			why := saying(o.Problem)
			counts = column{"なし：" + why.ja, "no: " + why.en}
		}
		p.row(o.Time, strconv.FormatInt(o.Entry, 10), o.Issuer, o.Reason, strings.Join(o.Allow, ", "), o.Expires,
			counts, o.passed())
	}
	p.tableEnd()
}

// exceptionText tells the same in the text report.
func exceptionText(b *strings.Builder, all []ExceptionEntry) {
	for i := range all {
		o := &all[i]
		counts := "counts"
		if !o.Counts {
			counts = "counts for nothing: " + o.Problem
		}
		fmt.Fprintf(b, "exception in log entry %d (%s), issuer %s, until %s, %s: %q; allows %s; let pass: %s\n",
			o.Entry, Stamp(o.Time), o.Issuer, Stamp(o.Expires), counts, o.Reason, strings.Join(o.Allow, ", "),
			o.passed())
	}
}
