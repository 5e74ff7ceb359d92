package report

import (
	"slices"
	"strconv"
	"time"

	"seihon/ledger"
)

// reviews lists which documents are to be looked at again, by the master log.
func (p *page) reviews(rec *Record, made time.Time) {
	assessed := func(r ledger.Review) bool { return r.Kind == ledger.EvidenceRisk }
	if !slices.ContainsFunc(rec.Reviews, assessed) {
		p.bothIn("p", "見直しの期日を伴うリスク評価（報告書 3-1、種類 risk-review）は正本のログに記録されていない。",
			"No risk assessment (report 3-1, kind risk-review) with a day of its review is on record in the "+
				"master log.")
	}
	if len(rec.Reviews) == 0 {
		return
	}
	p.table("文書の見直し", "Reviews of documents", column{"種類", "kind"}, column{"日時", "time"},
		column{"記録番号", "entry"}, column{"見直しの期日", "to be reviewed"})
	for _, r := range rec.Reviews {
		due := column{"示されていない", "not stated"}
		switch {
		case r.Overdue(made):
			due = column{Day(r.Due) + "（超過）", Day(r.Due) + " (overdue)"}
		case !r.Due.IsZero():
			due = column{Day(r.Due), Day(r.Due)}
		}
		p.row(r.Kind, r.Recorded, strconv.FormatInt(r.Entry, 10), due)
	}
	p.tableEnd()
}
