package sectiona

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateDoc = flag.Bool("update-doc", false, "write docs/section-a.md from the rule table")

// TestReference keeps docs/section-a.md equal to the rules and to the files that each of them refuses.
func TestReference(t *testing.T) {
	file := filepath.Join("..", "docs", "section-a.md")
	want := reference(t)
	if *updateDoc {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/section-a.md is not what the rules say; run go test ./sectiona -run TestReference -update-doc")
	}
}

const docHead = `# Section A as rules

The rules come from section 3-4 (2) A of the draft report of the council on modernising the accreditation criteria of
the Electronic Signature Act (令和6年度電子署名法認定基準のモダナイズ検討会 報告書(案)). They are a versioned pack of data,
` + "`%s`" + `: the report is a draft, article numbers shift, and nothing here claims to be final or certified.

Everything is denied that no rule allows. What counts is the parsed content, never a name. The same table is asked by
the signing room before it records, by the publisher before it sends, and by the verifier of whatever it finds.
` + "`publisher explain --file F`" + ` gives the verdict on a file, with the rule, its sentence and what to do.

A keyless lookup responder in the cloud is neither named as allowed nor denied by the report; the ban is on the logic
that generates responses (生成するロジック). Ours hands out stored CA-signed bytes and the constant unsigned error
statuses. Whoever wants no responder sets ` + "`section_a.strict`" + ` and publishes the layout ` + "`objects`" +
	`. Confirm the choice with the
survey body.

The files named below lie in ` + "`sectiona/testdata/refused/`" +
	`: a test shows that each is refused by exactly its rule.

`

func reference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, docHead, Pack)
	for _, r := range Rules() {
		kinds := make([]string, len(r.Kinds))
		for i, k := range r.Kinds {
			kinds[i] = string(k)
		}
		fmt.Fprintf(&b, "## %s\n\n%s: %s\n\n> %s\n>\n> %s\n\n- applies to: %s\n", r.ID, r.Verdict, r.Need, r.Quote,
			r.Gloss, strings.Join(kinds, ", "))
		if r.check == nil {
			b.WriteString("- refuses nothing by itself; not-in-ledger holds for these kinds\n\n")
			continue
		}
		fmt.Fprintf(&b, "- when it refuses: %s\n", r.Hint)
		entries, err := os.ReadDir(filepath.Join("testdata", "refused", r.ID))
		if err != nil {
			t.Errorf("rule %s has no file that shows it: %v", r.ID, err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, "`"+e.Name()+"`")
		}
		fmt.Fprintf(&b, "- shown by: %s\n\n", strings.Join(names, ", "))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
