package report

import (
	"fmt"
	"strings"

	"seihon/ledger"
)

// hsmWords are the words of a verdict in both languages.
var hsmWords = map[string]column{
	"issuing": {"証明書・CRL", "certificates and lists"}, "ocsp": {"OCSP", "OCSP"}, "document": {"文書", "documents"},
	"log":      {"ログ", "log"},
	"accepted": {"使用可", "accepted"}, "refused": {"使用不可", "refused"}, "trial": {"試験用", "on trial"},
}

// trial says on the first page that nothing here is of an accredited CA.
func (p *page) trial(h *HSMSummary) {
	if h == nil || h.Policy != ledger.PolicyTrial {
		return
	}
	p.bothIn(`p class="trial"`,
		"試験運用：署名室の鍵は試験用であり、認定認証業務の鍵ではない。",
		"On trial: the keys of the signing room are for trials and not those of an accredited certification service.")
}

// hsm shows the newest verdict, and how far the verdicts were used.
func (p *page) hsm(h *HSMSummary) {
	if h == nil {
		return
	}
	p.table("HSM の可否（署名室が記録した最新の判定）", "HSM (the newest verdict that the signing room recorded)",
		column{"鍵", "key"}, column{"用途", "use"}, column{"判定", "verdict"})
	for _, k := range h.Keys {
		p.row(k.Label, hsmWord(k.Role), hsmWord(k.Verdict))
	}
	p.tableEnd()
	ja := fmt.Sprintf("判定はログの記録 %d による。CRL・証明書・OCSP レスポンスの束 %d 件を、記録された時点の判定と照合した。", h.Entry, h.Judged)
	en := fmt.Sprintf("The verdict is log entry %d. %d lists, certificates and bundles of OCSP responses were held "+
		"against the verdict"+
		" that was in force when they were recorded.", h.Entry, h.Judged)
	if h.OnTrial > 0 {
		ja += fmt.Sprintf("うち %d 件は試験用の鍵による。", h.OnTrial)
		en += fmt.Sprintf(" Keys on trial signed %d of them.", h.OnTrial)
	}
	if h.Earlier > 0 {
		ja += fmt.Sprintf("最初の判定より前の %d 件は照合していない。", h.Earlier)
		en += fmt.Sprintf(" %d of before the first verdict were not.", h.Earlier)
	}
	if len(h.Elsewhere) > 0 {
		ja += "署名室の外のソフトウェアが署名する発行者（" + strings.Join(h.Elsewhere, "、") + "）の HSM についての判定はない。"
		en += " Of the HSM of issuers that other software signs for (" + strings.Join(h.Elsewhere, ", ") +
			") no verdict speaks."
	}
	p.bothIn("p", ja, en)
}

func hsmWord(s string) column {
	if w, ok := hsmWords[s]; ok {
		return w
	}
	return column{s, s}
}

// text tells the verdicts in the text report.
func (h *HSMSummary) text(b *strings.Builder) {
	if h == nil {
		return
	}
	fmt.Fprintf(b,
		"HSM: newest verdict in log entry %d (%s), policy %s; %d lists, certificates and bundles of responses held "+
			"against"+
			" the verdict in force",
		h.Entry, Stamp(h.Time), h.Policy, h.Judged)
	if h.OnTrial > 0 {
		fmt.Fprintf(b, ", keys on trial signed %d of them", h.OnTrial)
	}
	if h.Earlier > 0 {
		fmt.Fprintf(b, ", %d are of before the first", h.Earlier)
	}
	if len(h.Elsewhere) > 0 {
		fmt.Fprintf(b, "; software outside this room signs for %s, and no verdict speaks of its HSM",
			strings.Join(h.Elsewhere, ", "))
	}
	b.WriteByte('\n')
	if h.Policy == ledger.PolicyTrial {
		b.WriteString("on trial: the keys of the signing room are not those of an accredited " +
			"CA\n試験運用：署名室の鍵は、認定認証業務の鍵ではない\n")
	}
}
