package report

import (
	"fmt"
	"strconv"
	"strings"
)

// memory tells what of the past was compared, and shows every override that the log holds.
func (p *page) memory(m *MemorySummary) {
	if m == nil {
		p.bothIn("p", "過去の CRL と OCSP レスポンスの連続性は、この検証では調べていない。",
			"Whether later lists and responses kept what earlier ones said was not looked at in this check.")
		return
	}
	p.bothIn("p",
		fmt.Sprintf("ログの全期間について、CRL %d 版をその直前の版と、OCSP レスポンス %d 件をその前の世代と比較した。"+
			"期限切れの記載は %d 件、上書き許可は %d 件である。", m.Lists, m.Answers, m.Statements, len(m.Overrides)),
		fmt.Sprintf("Over the whole log, %d lists were compared with the one before and %d OCSP responses with the "+
			"generation before. "+
			"The log states the expiry of %d certificates and holds %d overrides.", m.Lists, m.Answers, m.Statements,
			len(m.Overrides)))
	if len(m.Overrides) == 0 {
		return
	}
	p.table("上書き許可（署名により認められた変更）", "Overrides (changes that a signature allowed)", column{"日時", "time"},
		column{"記録番号", "entry"},
		column{"発行者", "issuer"}, column{"理由", "reason"}, column{"効力", "counts"}, column{"変更", "changes"})
	for _, o := range m.Overrides {
		counts := column{"あり", "yes"}
		if !o.Counts {
			why := saying(o.Problem)
			counts = column{"なし：" + why.ja, "no: " + why.en}
		}
		p.row(o.Time, strconv.FormatInt(o.Entry, 10), o.Issuer, o.Reason, counts, strings.Join(o.lines(), "; "))
	}
	p.tableEnd()
}

// lines tells each change in a line; after the first hundred, how many there are more.
func (o *OverrideEntry) lines() []string {
	const shown = 100
	var lines []string
	for _, x := range o.Changes[:min(len(o.Changes), shown)] {
		lines = append(lines, fmt.Sprintf("%s: %s → %s", x.Serial, x.Was, x.Now))
	}
	if more := len(o.Changes) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("… +%d", more))
	}
	return lines
}

// text tells the same in the text report.
func (m *MemorySummary) text(b *strings.Builder) {
	if m == nil {
		return
	}
	fmt.Fprintf(b,
		"past: %d lists compared with the one before, %d OCSP responses with the generation before; %d statements of "+
			"expiry, %d overrides\n",
		m.Lists, m.Answers, m.Statements, len(m.Overrides))
	for _, o := range m.Overrides {
		counts := "counts"
		if !o.Counts {
			counts = "counts for nothing: " + o.Problem
		}
		fmt.Fprintf(b, "override in log entry %d (%s), issuer %s, %s: %q\n", o.Entry, Stamp(o.Time), o.Issuer, counts,
			o.Reason)
		for _, line := range o.lines() {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
}
