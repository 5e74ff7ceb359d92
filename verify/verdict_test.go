package verify_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/report"
)

// TestVerdictKnowsItsTier lets no report say more than its check looked at, in any form or language.
func TestVerdictKnowsItsTier(t *testing.T) {
	t.Parallel()
	equal := []string{"Master and copies are equal", "副本は一致し"}
	for _, c := range []struct {
		name    string
		change  func(r *repo, c *verify.Config)
		says    string
		never   []string
		unasked []string // not looked at
		asked   []string // looked at
	}{
		{"full", func(*repo, *verify.Config) {}, "Master and copies are equal", nil,
			[]string{"http", "responder", "inventory", "checkpoint", "publication-log", "timestamps", "witnesses"},
			[]string{"masters", "past", "copies", "listing", "urls"}},
		{"full, all that there is", func(r *repo, c *verify.Config) {
			c.Inventory, c.Known = r.inventory(), [][]byte{r.writer.Log().Checkpoint()}
			w := publicationLog(t, r)
			r.sent(w, "public")
			_ = must(w.Commit(t.Context()))
			c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
				must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
		}, "Master and copies are equal", nil, []string{"http"},
			[]string{"inventory", "checkpoint", "publication-log"}},
		{"full, no copies", func(_ *repo, c *verify.Config) { c.Copies = nil }, "No copy was looked at", equal,
			[]string{"copies"}, []string{"masters"}},
		{"full, no address", func(_ *repo, c *verify.Config) { c.BaseURL = "" }, "Master and copies are equal", nil,
			[]string{"urls"}, nil},
		{"sample", func(_ *repo, c *verify.Config) { c.Tier, c.Sample = report.TierSample, 2 }, "that were drawn",
			equal, []string{"rest-of-copies"}, []string{"masters", "past"}},
		{"list", func(r *repo, c *verify.Config) { c.Tier, c.Inventory = report.TierList, r.inventory() },
			"No content was read",
			append(equal, "nothing is stale", "有効期間内", "read and compared with its recorded digest",
				"signatures verified"), []string{"master-content", "copy-content", "past", "urls", "inventory"},
			[]string{"copies"}},
		{"log", func(_ *repo, c *verify.Config) { c.Tier = report.TierLog }, "Neither masters nor copies",
			append(equal, "nothing is stale", "有効期間内", "was read and compared", "OCSP レスポンス<"),
			[]string{"masters", "copies", "past"}, nil},
		{"log, from a public place", func(r *repo, c *verify.Config) { c.Tier, c.Master = report.TierLog, "" },
			"Neither masters nor copies", equal, []string{"masters", "copies"}, nil},
		{"log, over an old list", func(r *repo, c *verify.Config) {
			c.Tier = report.TierLog
			write(r.public(), "crl/sub.crl", before(r, "crl/sub.crl"))
		}, "Neither masters nor copies", equal, []string{"copies"}, nil},
		{"the key of the publication log is missing", func(r *repo, c *verify.Config) {
			publicationLog(t, r)
			c.Publication = filepath.Join(r.dir, "publication")
		}, "Master and copies are equal", nil, []string{"publication-log"}, nil},
		{"findings", func(r *repo, _ *verify.Config) { flip(r.public(), "crl/sub.crl") }, "disagreements", equal,
			[]string{"responder"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checked := newRepo(t).checkWith(t, c.change)
			var text, page bytes.Buffer
			check(checked.WriteText(&text))
			check(checked.WriteHTML(&page))
			for form, out := range map[string]string{"text": text.String(), "HTML": page.String(),
				"JSON": checked.Verdict.EN} {
				if !strings.Contains(out, c.says) {
					t.Errorf("the %s does not say %q", form, c.says)
				}
				for _, never := range c.never {
					if strings.Contains(out, never) {
						t.Errorf("the %s says %q", form, never)
					}
				}
			}
			has := func(id string) bool {
				i := slices.IndexFunc(checked.Verdict.NotChecked, func(u report.Unlooked) bool { return u.ID == id })
				if i < 0 {
					return false
				}
				u := checked.Verdict.NotChecked[i]
				for _, out := range []string{text.String(), page.String()} {
					if !strings.Contains(out, u.EN) || !strings.Contains(out, u.JA) {
						t.Errorf("%s is not told in both languages", id)
					}
				}
				return true
			}
			for _, id := range c.unasked {
				if !has(id) {
					t.Errorf("%s was not looked at, and the verdict does not say so", id)
				}
			}
			for _, id := range c.asked {
				if has(id) {
					t.Errorf("the verdict says that %s was not looked at", id)
				}
			}
		})
	}
}

// checkWith is check with a change that needs the repository.
func (r *repo) checkWith(t *testing.T, change func(r *repo, c *verify.Config)) *report.Report {
	t.Helper()
	return r.check(t, func(c *verify.Config) { change(r, c) })
}
