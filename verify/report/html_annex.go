package report

import (
	"fmt"
	"time"
)

// annex shows the first lines of the annex and says where the rest is.
func (p *page) annex(a *AnnexSummary) {
	p.section("annex", "別紙：公開物の明細", "Annex: every object")
	if a == nil {
		p.bothIn("p", "この報告書には明細を添付していない（publisher verify --html が作成する）。",
			"No annex was asked for; publisher verify --html makes it.")
		p.end()
		return
	}
	p.bothIn("p",
		fmt.Sprintf("%d 件の公開物について %d 行（場所ごとに 1 行）を、%s（CSV）と %s（JSON Lines）に記載した。うち %d 行は内容を読み、%d 行が台帳の SHA-256 と一致した。",
			a.Objects, a.Readings, a.CSV.Name, a.Lines.Name, a.Read, a.Equal),
		fmt.Sprintf("%d objects in %d lines, one for each place, are in %s (CSV) and %s (JSON Lines). Of %d lines "+
			"the bytes were read, and %d have the SHA-256 of the ledger.",
			a.Objects, a.Readings, a.CSV.Name, a.Lines.Name, a.Read, a.Equal))
	if more := a.Readings - int64(len(a.First)); more > 0 {
		p.bothIn("p", fmt.Sprintf("このページには最初の %d 行のみを示す。残りの %d 行は上記のファイルにある。", len(a.First), more),
			fmt.Sprintf("This page shows the first %d lines only; the other %d are in these files.", len(a.First),
				more))
	}
	if u := a.Uptime; u != nil {
		p.bothIn("p",
			fmt.Sprintf("稼働実績の根拠となる観測 %d 回（公開ログの各記録の SHA-256）と、観測のない時間 %d 件を、%s（CSV）と %s（JSON Lines）に記載した。", u.Rounds,
				u.Gaps, u.CSV.Name, u.Lines.Name),
			fmt.Sprintf("The %d rounds of samples behind the record of operation, each with the SHA-256 of its "+
				"entry, and the %d times without any are in %s (CSV) and %s (JSON Lines).",
				u.Rounds, u.Gaps, u.CSV.Name, u.Lines.Name))
	}
	p.wideTable("明細", "Objects", []int{17, 11, 15, 31, 16, 10}, column{"公開物", "object"},
		column{"種別・番号", "kind, number"}, column{"場所", "place"},
		column{"読み取った内容の SHA-256", "SHA-256 of the bytes read"}, column{"読み取り時刻", "read"}, column{"結果", "outcome"})
	for _, row := range a.First {
		p.annexRow(row)
	}
	p.tableEnd()
	p.end()
}

func (p *page) annexRow(row AnnexRow) {
	kind := kindName(row.Kind)
	if row.Number != "" {
		kind.ja, kind.en = kind.ja+" "+row.Number, kind.en+" "+row.Number
	}
	place := column{row.Place, row.Place}
	if row.Place == SourceMaster {
		place.ja = sourceNames[SourceMaster]
	}
	read, err := time.Parse(time.RFC3339, row.Read)
	if err != nil {
		read = time.Time{}
	}
	how := outcomeNames[row.Outcome]
	if row.Responses > 0 {
		how.ja += fmt.Sprintf("（応答 %d 件中 %d 件）", row.Responses, row.ResponsesEqual)
		how.en += fmt.Sprintf(" (%d of %d responses)", row.ResponsesEqual, row.Responses)
	}
	p.row(row.Object, kind, place, row.SHA256, read, how)
}

// outcomeNames are the outcomes in both languages.
var outcomeNames = map[string]column{
	NotRead.String():      {"未読", "not read"},
	Equal.String():        {"一致", "equal"},
	EqualEarlier.String(): {"一致（中断前に読取り）", "equal (read before an interruption)"},
	Different.String():    {"不一致", "different"},
	Missing.String():      {"なし", "missing"},
	Unreadable.String():   {"読取り不能", "unreadable"},
	SizeOnly.String():     {"大きさのみ一致", "same size only"},
	Signed.String():       {"署名を検証", "signature verified"},
}

// kindName is a kind in both languages.
func kindName(kind string) column { return column{inJapanese(kind), kind} }
