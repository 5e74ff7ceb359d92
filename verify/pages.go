package verify

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"seihon/artifact"
	"seihon/verify/report"
)

// A pageFacts is what a current page tells its readers: SHA-256 fingerprints to compare, and links to follow.
type pageFacts struct {
	name    string
	digests []artifact.Digest
	links   []string
}

var (
	// A SHA-256 as pages print it: in groups of four digits, in pairs with colons, or in one piece.
	printedDigest = regexp.MustCompile(`\b(?:(?:[0-9A-Fa-f]{4} ){15}[0-9A-Fa-f]{4}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{64})\b`)
	printedLink   = regexp.MustCompile(`(?i)\bhref="([^"#:]+)"`)

	separators = strings.NewReplacer(" ", "", ":", "")
)

// maxFacts bounds what is kept of one page.
const maxFacts = 10_000

func readPage(name string, b []byte) pageFacts {
	p := pageFacts{name: name}
	for _, m := range printedDigest.FindAll(b, maxFacts) {
		if d, err := artifact.ParseDigest(strings.ToLower(separators.Replace(string(m)))); err == nil {
			p.digests = append(p.digests, d)
		}
	}
	for _, m := range printedLink.FindAllSubmatch(b, maxFacts) {
		p.links = append(p.links, string(m[1]))
	}
	return p
}

// checkPages compares the index and fingerprint pages with what is published: a fingerprint on them is that of a
// master, every current CA certificate's is among them, and links lead to public names.
func (c *checker) checkPages() {
	told := map[artifact.Digest]bool{}
	for _, p := range c.status.pages {
		for _, d := range p.digests {
			told[d] = true
			if len(c.past.byDigest[d]) == 0 {
				c.Found(report.Finding{Code: "page-fingerprint", Source: report.SourceMaster, Name: p.name,
					Got: d.String(), Detail: "no master has this fingerprint"})
			}
		}
		for _, link := range p.links {
			name := path.Join(path.Dir(p.name), link)
			if _, ok := c.state.Get(name); ok || strings.HasPrefix(name, "log/") {
				continue
			}
			f := report.Finding{Code: "url-missing", Severity: report.Warning, Source: report.SourceMaster,
				Name: p.name, Got: link, Detail: "link of the page"}
			if _, gone := c.past.withdrawn[name]; gone {
				f.Severity, f.Detail = report.Note,
					"link of the page to what was withdrawn; the next signing run makes the page anew"
			}
			c.Found(f)
		}
	}
	if len(told) == 0 {
		return
	}
	for _, k := range c.status.certs {
		if d := artifact.Sum(k.cert.Raw); k.kind == artifact.CACertificate && !told[d] {
			c.Found(report.Finding{Code: "page-fingerprint", Source: report.SourceMaster, Name: k.name,
				Want: d.String(), Detail: fmt.Sprintf("no page tells the fingerprint of %q", k.cert.Subject.String())})
		}
	}
}
