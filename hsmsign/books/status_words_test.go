package books

import (
	"strings"
	"testing"
	"time"

	"seihon/internal/config"
	"seihon/ledger"
)

// TestStatusLineInJapanese wants what the English line says.
func TestStatusLineInJapanese(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	s := &Status{Now: now, FirstExpiry: now.Add(50*time.Hour + 5*time.Minute), FirstExpiryName: "crl/sub.crl",
		Uncommitted: 2, Refused: []string{"a.crl", "b.crl"}, Policy: config.PolicyTrial,
		Documents: []StatusDocument{{"cps", "1.0", now, true}, {"cps", "2.0", now.AddDate(0, 1, 0), false}},
		Reviews: []ledger.Review{{Kind: "risk-review", Due: now.AddDate(0, 0, -1)},
			{Kind: "hsm-verdict", Due: now.AddDate(0, 0, 1)}}}
	for _, want := range []string{"残り時間 50 時間 5 分", "crl/sub.crl", "未記録のもの 2 件", "拒否された入力 2 件（最後は b.crl",
		`"risk-review" の見直しの期日は 2026-11-28`, "trial", "cps 1.0 は 2026-11-29 から施行されている", "cps 2.0 は 2026-12-29 に施行される"} {
		if line := s.LineIn("ja"); !strings.Contains(line, want) {
			t.Errorf("the line lacks %q: %s", want, line)
		}
	}
	if line := s.LineIn("ja"); strings.Contains(line, "hsm-verdict") {
		t.Errorf("the line speaks of a review that is not due: %s", line)
	}
	if line := (&Status{}).LineIn("ja"); line != "まだ何も署名されていない" {
		t.Errorf("of nothing: %s", line)
	}
	if s.LineIn("en") != s.Line() {
		t.Error("the English line is another one")
	}
}
