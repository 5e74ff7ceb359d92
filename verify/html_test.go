package verify_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
)

// richReport is a report with something in every section.
func richReport(t *testing.T) *report.Report {
	t.Helper()
	r := newRepo(t)
	log := publicationLog(t, r)
	for i := range 60 {
		if i >= 30 && i < 36 {
			continue // nobody asked
		}
		at := r.now.Add(time.Duration(i-80) * 6 * time.Hour)
		check(log.Append(t.Context(),
			&ledger.Entry{Time: at, Probe: &ledger.Probe{Target: "public", Samples: []ledger.Sample{
				{URL: baseURL + "/crl/sub.crl", Time: at, OK: i%13 != 5, Status: 200, Latency: 40 * time.Millisecond,
					Error: map[bool]string{true: "the list is stale"}[i%13 == 5]},
			}}}))
	}
	check(log.Append(t.Context(), &ledger.Entry{Refusal: &ledger.Refusal{Target: "public", Name: "docs/<b>x",
		Kind: "unrecognised", Rule: "unrecognised", Reason: "it is <script>alert(1)</script>"}}))
	_ = must(log.Commit(t.Context()))
	line, _ := must(r.writer.Log().Replay(t.Context(), 2)).Get("cert/sub-ocsp.cer")
	check(r.writer.Append(t.Context(),
		&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: line.Name, Digest: line.Digest,
			Reason: "replaced <i>"}}}}))
	r.commit()
	r.publish(r.public())
	write(r.public(), "logo.png", pkcs8(r))
	write(r.public(), "crl/sub.crl", before(r, "crl/sub.crl"))
	return r.check(t, func(c *verify.Config) {
		c.ProbeEvery = 6 * time.Hour
		c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
			must(ledger.NewVerifier(log.Log().Origin(), log.Log().Keys()...))
	})
}

func TestHTMLIsSelfContained(t *testing.T) {
	t.Parallel()
	checked := richReport(t)
	var b bytes.Buffer
	if err := checked.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if dir := os.Getenv("SEIHON_KEEP_HTML"); dir != "" {
		check(os.WriteFile(filepath.Join(dir, "report.html"), b.Bytes(), 0o644))
	}
	for _, bad := range []string{"<script", " src=", "url(", "@import", "<link", "<img", "<b>", "<i>", "javascript:",
		"onload"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, want := range []string{`lang="ja"`, `lang="en"`, "<main>", "<nav ", "秘密鍵が公開領域にある",
		"a private key lies in the public repository", "正本と副本が一致していること",
		"稼働実績", "<svg", "&lt;script&gt;", checked.Digest().String(), "replaced &lt;i&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	checkBalanced(t, page)
	for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if id, ok := strings.CutPrefix(href[1], "#"); !ok || !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("the link %q leads out of the page, or nowhere", href[1])
		}
	}
	if ja, en := strings.Count(page, `<span class="ja"`), strings.Count(page, `<span class="en"`); ja != en || ja < 80 {
		t.Errorf("%d texts in Japanese, %d in English", ja, en)
	}
}

// checkBalanced makes sure that every element that was begun is ended, in order.
func checkBalanced(t *testing.T, page string) {
	t.Helper()
	void := map[string]bool{"meta": true, "input": true, "col": true, "br": true, "!DOCTYPE": true}
	var open []string
	page = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(page, "")
	for _, m := range regexp.MustCompile(`<(/?)([a-zA-Z0-9!]+)([^>]*)>`).FindAllStringSubmatch(page, -1) {
		switch {
		case void[m[2]] || strings.HasSuffix(m[3], "/"):
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			t.Fatalf("</%s> ends %v", m[2], open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not ended: %v", open)
	}
}

func TestReportsAreDeterministic(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for _, name := range []string{"logo.png", "a.txt", "b.txt", "c.txt"} {
		write(r.public(), name, pkcs8(r))
	}
	var first string
	for range 3 {
		var b bytes.Buffer
		checked := r.check(t)
		check(checked.WriteJSON(&b))
		check(checked.WriteHTML(&b))
		check(checked.WriteText(&b))
		if first == "" {
			first = b.String()
		}
		if b.String() != first {
			t.Fatal("two reports about the same repository differ")
		}
	}
}

// TestSchema compares schema.json with what WriteJSON writes: every member of the report is described, and nothing else
// is.
func TestSchema(t *testing.T) {
	t.Parallel()
	conforms(t, richReport(t))
}
