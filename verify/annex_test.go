package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/verify"
	"seihon/verify/report"
)

// annexOf checks a repository and returns its report with both forms of the annex.
func annexOf(tb testing.TB, r *repo, change ...func(*verify.Config)) (checked *report.Report, lines, sheet []byte) {
	tb.Helper()
	var a, b bytes.Buffer
	checked = r.check(tb, append([]func(*verify.Config){func(c *verify.Config) {
		c.Annex = &verify.Annex{CSV: report.Output{Name: "r.annex.csv", File: &a},
			Lines: report.Output{Name: "r.annex.jsonl", File: &b}}
	}}, change...)...)
	for _, x := range []struct {
		cited report.Cited
		bytes []byte
	}{{checked.Annex.CSV, a.Bytes()}, {checked.Annex.Lines, b.Bytes()}} {
		if x.cited.SHA256 != artifact.Sum(x.bytes).String() {
			tb.Errorf("the report cites another %s", x.cited.Name)
		}
	}
	return checked, b.Bytes(), a.Bytes()
}

func rowsOf(lines []byte) (rows []report.AnnexRow) {
	d := json.NewDecoder(bytes.NewReader(lines))
	for {
		var row report.AnnexRow
		err := d.Decode(&row)
		if err == io.EOF {
			return rows
		}
		check(err)
		rows = append(rows, row)
	}
}

// TestAnnexIsDerivedAgain reads every line of the annex and hashes what it names, and finds every public file in it.
func TestAnnexIsDerivedAgain(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	checked, lines, sheet := annexOf(t, r)
	rows := rowsOf(lines)
	public := map[string]bool{}
	for _, row := range rows {
		root := row.Place
		if root == "master" {
			root = r.master()
		} else {
			public[row.File] = true
		}
		b := must(os.ReadFile(filepath.Join(root, filepath.FromSlash(row.File))))
		if row.Kind == string(artifact.OCSPGeneration) {
			b = b[:row.Size]
		}
		sum := sha256.Sum256(b)
		switch got := hex.EncodeToString(sum[:]); {
		case got != row.SHA256, row.Outcome == "equal" && got != row.Recorded, int64(len(b)) != row.Size:
			t.Errorf("%s at %s: %s (%d bytes), the annex says %+v", row.Object, row.Place, got, len(b), row)
		case row.Outcome != "equal" && row.Outcome != "signed":
			t.Errorf("%s at %s is %s", row.Object, row.Place, row.Outcome)
		}
		if row.Place != "master" && row.Read != "2026-11-21T07:00:00Z" {
			t.Errorf("%s was read at %q", row.Object, row.Read)
		}
	}
	for _, name := range filesOf(t, r.public()) {
		if !public[name] {
			t.Errorf("no line is about the public file %s", name)
		}
	}
	if a := checked.Annex; a.Readings != int64(len(rows)) || a.Equal < a.Readings-2 || a.Read != a.Readings ||
		len(a.First) != min(len(rows), 200) {
		t.Errorf("the summary says %+v, there are %d lines", a, len(rows))
	}
	sameTable(t, rows, sheet)
}

// sameTable compares the CSV with the JSON Lines.
func sameTable(t *testing.T, rows []report.AnnexRow, sheet []byte) {
	t.Helper()
	table := must(csv.NewReader(bytes.NewReader(sheet)).ReadAll())
	if len(table) != len(rows)+1 {
		t.Fatalf("%d lines of CSV, %d of JSON", len(table)-1, len(rows))
	}
	column := func(name string) int { return slices.Index(table[0], name) }
	for i, row := range rows {
		for name, want := range map[string]string{
			"object": row.Object, "kind": row.Kind, "number": row.Number, "entry": strconv.FormatInt(row.Entry, 10),
			"size":     strconv.FormatInt(row.Size, 10),
			"recorded": row.Recorded, "place": row.Place, "file": row.File, "sha256": row.SHA256, "read": row.Read,
			"outcome": row.Outcome,
		} {
			if got := table[i+1][column(name)]; got != want {
				t.Errorf("line %d: %s is %q in CSV and %q in JSON", i, name, got, want)
			}
		}
	}
}

func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	check(filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, filepath.ToSlash(strings.TrimPrefix(p, dir+string(filepath.Separator))))
		}
		return err
	}))
	return names
}

// TestAnnexTellsWhatIsWrong wants the outcome of each tampering in the line of the object and the place.
func TestAnnexTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	second := filepath.Join(r.dir, "second")
	r.publish(second)
	flip(r.public(), "crl/sub.crl")
	check(os.Remove(filepath.Join(r.public(), "cert/sub.cer")))
	write(second,
		"docs/cps-1.0.pdf", []byte("%PDF-1.7\nlonger than it was, which somebody may have had a reason for\n%%EOF\n"))
	line, _ := r.writer.Log().Replay(t.Context(), r.writer.Log().Size())
	root, _ := line.Get("cert/root.cer")
	flip(filepath.Dir(r.writer.Log().BlobPath(root)), filepath.Base(r.writer.Log().BlobPath(root)))
	_, lines, _ := annexOf(t,
		r, func(c *verify.Config) { c.Copies = append(c.Copies, verify.Copy{Source: must(verify.Dir(second))}) })
	got := map[string]report.AnnexRow{}
	for _, row := range rowsOf(lines) {
		got[row.Object+" "+filepath.Base(row.Place)] = row
	}
	for at, want := range map[string]string{
		"crl/sub.crl public": "different", "crl/sub.crl second": "equal", "cert/sub.cer public": "missing",
		"docs/cps-1.0.pdf second": "different",
		"cert/root.cer master":    "different", "cert/root.cer public": "equal",
	} {
		row := got[at]
		if row.Outcome != want {
			t.Errorf("%s: %q, want %s", at, row.Outcome, want)
		}
		if want == "different" {
			root := map[string]string{"public": r.public(), "second": second,
				"master": r.master()}[filepath.Base(row.Place)]
			if sum := artifact.Sum(must(os.ReadFile(filepath.Join(root, row.File)))); sum.String() != row.SHA256 {
				t.Errorf("%s: the line says %s, it is %s", at, row.SHA256, sum)
			}
		}
	}
}

// TestAnnexSumsUpResponses: single responses are a line for each bundle, with counts.
func TestAnnexSumsUpResponses(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	check(os.RemoveAll(r.public()))
	r.publishObjects(r.public())
	var one string
	for _, name := range filesOf(t, r.public()) {
		if strings.HasPrefix(name, "ocsp/") {
			one = name
		}
	}
	flip(r.public(), one)
	_, lines, _ := annexOf(t, r)
	var all, same int64
	for _, row := range rowsOf(lines) {
		if row.Kind == string(artifact.OCSPBundle) && row.Place != "master" {
			all, same = all+row.Responses, same+row.ResponsesEqual
		}
	}
	if want := int64(len(r.serials)*2 + 2); all != want || same != want-1 {
		t.Errorf("%d of %d responses are equal, want %d of %d", same, all, want-1, want)
	}
}

// TestAnnexKnowsItsTier: what was not read has no digest and is not called equal.
func TestAnnexKnowsItsTier(t *testing.T) {
	t.Parallel()
	for tier, want := range map[report.Tier]string{report.TierList: "size-only", report.TierLog: "not-read"} {
		_, lines, _ := annexOf(t, newRepo(t), func(c *verify.Config) { c.Tier = tier })
		for _, row := range rowsOf(lines) {
			if row.Entry >= 0 && (row.SHA256 != "" || row.Outcome != want) {
				t.Errorf("tier %s: %+v", tier, row)
			}
		}
	}
}

// TestGivenTimeGivesTheSameBytes makes the check twice, with clocks that differ and the time of the check given.
func TestGivenTimeGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for _, name := range []string{"logo.png", "a.txt"} {
		write(r.public(), name, pkcs8(r))
	}
	var first string
	for range 3 {
		checked, lines, sheet := annexOf(t, r,
			func(c *verify.Config) { c.About = report.About{Auditor: "監査人", Now: true} })
		var b bytes.Buffer
		check(checked.WriteJSON(&b))
		check(checked.WriteHTML(&b))
		check(checked.WriteText(&b))
		all := b.String() + string(lines) + string(sheet)
		if first == "" {
			first = all
		}
		if all != first {
			t.Fatal("two reports of the same input differ")
		}
		if strings.Contains(string(lines), `"read"`) {
			t.Error("a time of reading is recorded, which is not true")
		}
	}
}
