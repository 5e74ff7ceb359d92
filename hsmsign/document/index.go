package document

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// IndexData is everything the index page shows. The order of the slices is the order on the page.
type IndexData struct {
	Title, TitleJA string // name of the repository
	Operator       string
	Updated        time.Time // of the contents, not the wall clock: the page is deterministic
	Certificates   []IndexCertificate
	CRLs           []IndexCRL
	OCSP           []string // responder URLs
	Documents      []Version
	Origin         string   // of the master log
	Keys           []string // verifier keys of the master log (vkey lines)
	Trial          bool     // the keys of the signing room are not those of an accredited CA
}

// IndexCertificate is a CA, link or cross certificate of the repository.
type IndexCertificate struct {
	URL string // public name
	DER []byte
}

// IndexCRL is a revocation list of the repository.
type IndexCRL struct {
	URL                    string // public name
	Kind                   string // crl, arl, delta-crl
	Issuer, Number         string
	ThisUpdate, NextUpdate time.Time
}

//go:embed index.html
var indexHTML string

var indexTemplate = template.Must(template.New("index").Funcs(template.FuncMap{"utc": utc,
	"both": both}).Parse(indexHTML))

// IndexPage builds the public front page: one file of HTML in Japanese and English, without scripts, images or anything
// else that a browser would have to fetch. It is made in the signing room, so that the fingerprints on it come from
// there.
func IndexPage(d IndexData) ([]byte, error) {
	page := struct {
		IndexData
		Rows []certificateRow
	}{IndexData: d}
	for _, c := range d.Certificates {
		row, err := describe(c)
		if err != nil {
			return nil, fmt.Errorf("building index page: %w", err)
		}
		page.Rows = append(page.Rows, row)
	}
	for _, c := range d.CRLs {
		if !c.NextUpdate.IsZero() && c.NextUpdate.Before(c.ThisUpdate) {
			return nil, fmt.Errorf("building index page: the CRL %q ends before it begins", c.URL)
		}
	}
	if page.TitleJA == "" {
		page.TitleJA = page.Title
	}
	var b bytes.Buffer
	if err := indexTemplate.Execute(&b, page); err != nil {
		return nil, fmt.Errorf("building index page: %w", err)
	}
	return b.Bytes(), nil
}

// certificateRow is a certificate in the words of the page.
type certificateRow struct {
	URL, Subject, Issuer, Serial string
	JA, EN                       string // what kind of certificate
	NotBefore, NotAfter          time.Time
	SHA256                       string
}

func describe(c IndexCertificate) (certificateRow, error) {
	x, err := artifact.ParseCertificate(c.DER)
	if err != nil {
		return certificateRow{}, fmt.Errorf("parsing certificate %q: %w", c.URL, err)
	}
	sum := sha256.Sum256(c.DER)
	r := certificateRow{
		URL: c.URL, Subject: x.Subject.String(), Issuer: x.Issuer.String(), Serial: fmt.Sprintf("%X", x.SerialNumber),
		NotBefore: x.NotBefore, NotAfter: x.NotAfter, SHA256: fingerprint(sum[:]), JA: "認証局証明書", EN: "CA certificate",
	}
	switch selfIssued := bytes.Equal(x.RawSubject, x.RawIssuer); {
	case selfIssued && bytes.Equal(x.SubjectKeyId, x.AuthorityKeyId) || selfIssued && len(x.AuthorityKeyId) == 0:
		r.JA, r.EN = "自己署名証明書", "self-signed certificate"
	case selfIssued:
		r.JA, r.EN = "リンク証明書", "link certificate"
	case isCross(c.URL):
		r.JA, r.EN = "相互認証証明書", "cross certificate"
	}
	return r, nil
}

func isCross(name string) bool {
	n, err := public.Parse(name)
	return err == nil && n.Kind == artifact.CrossCertificate
}

// fingerprint writes a digest in groups of four digits, which people can compare by voice and eye.
func fingerprint(digest []byte) string {
	text := strings.ToUpper(hex.EncodeToString(digest))
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), " ")
}

// both is a text in both languages, of which the style sheet shows one.
func both(ja, en string) template.HTML {
	return template.HTML(`<span class="ja" lang="ja">` + template.HTMLEscapeString(ja) +
		`</span><span class="en" lang="en">` + template.HTMLEscapeString(en) + `</span>`)
}

func utc(t time.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case t.Year() == 9999: // RFC 5280 section 4.1.2.5: no well-defined end
		return "–（最終 / final）"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
