package verify_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/ledger"
	"seihon/verify"
)

func meaningTampers() []tamper {
	urls := func(name string, want []string, change func(t *x509.Certificate)) tamper {
		return room(name, want, func(r *repo) {
			c := newCert("Test OCSP 2", 30, r.sub, func(t *x509.Certificate) {
				t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
				t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5},
					Value: []byte{5, 0}}}
				change(t)
			})
			r.put("cert/new.cer", artifact.OCSPSignerCertificate, c.cert.Raw)
			r.commit()
		})
	}
	delta := func(base byte) []pkix.Extension {
		return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, base}}}
	}
	return []tamper{
		urls("CRL distribution point that is not published", []string{"url-missing@cert/new.cer"},
			func(t *x509.Certificate) { t.CRLDistributionPoints = []string{baseURL + "/crl/none.crl"} }),
		urls("CRL distribution point with another CA's list", []string{"url-wrong@cert/new.cer"},
			func(t *x509.Certificate) { t.CRLDistributionPoints = []string{baseURL + "/crl/root-arl.crl"} }),
		urls("CA issuers with another CA", []string{"url-wrong@cert/new.cer"},
			func(t *x509.Certificate) { t.IssuingCertificateURL = []string{baseURL + "/cert/root.cer"} }),
		urls("CRL distribution point elsewhere", []string{"url-elsewhere@cert/new.cer#CRL"},
			func(t *x509.Certificate) { t.CRLDistributionPoints = []string{"ldap://ldap.example/cn=ca"} }),
		urls("CPS that is not published", []string{"url-missing@cert/new.cer#CPS"}, func(t *x509.Certificate) {
			uri := baseURL + "/docs/none.pdf"
			q := append([]byte{0x16, byte(len(uri))}, uri...)
			q = append([]byte{0x06, 8, 0x2b, 6, 1, 5, 5, 7, 2, 1}, q...)
			for range 2 {
				q = append([]byte{0x30, byte(len(q))}, q...)
			}
			q = append([]byte{0x06, 3, 0x2a, 3, 4}, q...)
			for range 2 {
				q = append([]byte{0x30, byte(len(q))}, q...)
			}
			t.ExtraExtensions = append(t.ExtraExtensions,
				pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: q})
		}),
		urls("responder elsewhere", []string{"url-elsewhere@cert/new.cer#OCSP"},
			func(t *x509.Certificate) { t.OCSPServer = []string{"http://ocsp.example"} }),
		urls("good URLs", nil, func(t *x509.Certificate) {
			t.CRLDistributionPoints, t.IssuingCertificateURL = []string{baseURL + "/crl/sub.crl"},
				[]string{baseURL + "/cert/sub.cer"}
		}).passing(),
		room("delta without its base", []string{"delta-base@crl/sub-delta.crl"}, func(r *repo) {
			r.put("crl/sub-delta.crl", artifact.DeltaCRL,
				r.sub.list(list{number: 9, this: r.now, next: r.now.Add(time.Hour), exts: delta(8)}))
			r.commit()
		}),
		room("delta with its base", nil, func(r *repo) {
			r.revoked[107] = r.now
			r.subList = func(l *list) { l.revoked = map[int64]time.Time{103: r.revoked[103], 105: r.revoked[105]} }
			r.put("crl/sub-delta.crl", artifact.DeltaCRL,
				r.sub.list(list{number: 9, this: r.now, next: r.now.Add(time.Hour), exts: delta(3),
					revoked: map[int64]time.Time{107: r.now}, reason: 1}))
			r.run()
		}).passing(),
		{name: "room: anchor that is not published", want: []string{"required-missing#the certificate of the anchor"},
			only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Policy.Trust = artifact.NewTrust([]*x509.Certificate{r.root.cert,
					newCert("Other Root", 9, nil, asCA).cert}, nil)
			}},
		{name: "room: no CP or CPS", want: []string{"required-missing#a CP or CPS"}, only: true,
			do: func(t *testing.T, r *repo, _ *verify.Config) {
				state := must(r.writer.Log().Replay(t.Context(), 2))
				w := &ledger.Withdraw{}
				for _, name := range []string{"docs/cps-1.0.pdf", "docs/cps-1.0.pdf.p7s"} {
					line, _ := state.Get(name)
					w.Names = append(w.Names, ledger.WithdrawnName{Name: name, Digest: line.Digest, Reason: "replaced"})
					check(os.Remove(filepath.Join(r.public(), name)))
				}
				check(r.writer.Append(t.Context(), &ledger.Entry{Withdraw: w}))
				r.commit()
				r.publish(r.public())
			}},
		room("page with a forged fingerprint", []string{"page-fingerprint@index.html#no master"}, func(r *repo) {
			r.put("index.html", artifact.IndexPage,
				pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw),
					artifact.Sum([]byte("forged"))))
			r.commit()
		}),
		room("page without the fingerprint of a CA", []string{"page-fingerprint@cert/root.cer#no page"}, func(r *repo) {
			r.put("index.html", artifact.IndexPage, pageWith(r, artifact.Sum(r.sub.cert.Raw)))
			r.commit()
		}),
		room("page with a link that leads nowhere", []string{"url-missing@index.html#link"}, func(r *repo) {
			r.put("index.html", artifact.IndexPage,
				append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)),
					`<a href="docs/none.pdf">x</a>`...))
			r.commit()
		}),
		{name: "room: page with a link to what was withdrawn", want: []string{"url-missing@index.html#withdrawn"},
			only: true, passes: true, do: func(t *testing.T, r *repo, _ *verify.Config) {
				r.put("index.html", artifact.IndexPage,
					append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)),
						`<a href="cert/sub-ocsp.cer">x</a>`...))
				line, _ := must(r.writer.Log().Replay(t.Context(), 2)).Get("cert/sub-ocsp.cer")
				check(r.writer.Append(t.Context(),
					&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: line.Name,
						Digest: line.Digest, Reason: "replaced"}}}}))
				r.commit()
				check(os.Remove(filepath.Join(r.public(), "cert/sub-ocsp.cer")))
				r.publish(r.public())
			}},
		room("page that tells the truth", nil, func(r *repo) {
			r.put("index.html", artifact.IndexPage,
				append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)),
					`<a href="cert/sub.cer">x</a><a href="log/checkpoint">y</a><a href="#top">z</a>`...))
			r.commit()
		}).passing(),
		room("CA without a list", []string{"required-missing@cert/new.cer"}, func(r *repo) {
			r.put("cert/new.cer", artifact.CACertificate, newCert("New CA", 31, r.sub, asCA).cert.Raw)
			r.commit()
		}),
		room("document signed by a stranger",
			[]string{"section-a@docs/cps-2.0.pdf", "section-a@docs/cps-2.0.pdf.p7s",
				"document-signature@docs/cps-2.0.pdf.p7s"}, func(r *repo) {
				pdf := []byte("%PDF-1.7\n%%EOF\n")
				r.put("docs/cps-2.0.pdf", artifact.Document, pdf)
				r.put("docs/cps-2.0.pdf.p7s", artifact.DocumentSignature,
					detached(newCert("Other", 9, nil,
						func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature }), pdf))
				r.commit()
			}),
		room("document signed inside", nil, func(r *repo) {
			pdf := document.SamplePDF("CPS", "3.0", []string{"text"})
			r.put("docs/cps-3.0.pdf", artifact.Document,
				must(document.SignPDF(context.Background(),
					document.Request{Content: bytes.NewReader(pdf), Certificate: r.document.cert,
						Signer: r.document.key, SigningTime: start}, document.Reason{})))
			r.commit()
		}).passing(),
		room("document signed by a certificate for other purposes",
			[]string{"document-signature@docs/cps-2.0.pdf.p7s", "section-a@docs/cps-2.0.pdf.p7s",
				"section-a@docs/cps-2.0.pdf"}, func(r *repo) {
				pdf := document.SamplePDF("CPS", "2.0", nil)
				r.put("docs/cps-2.0.pdf", artifact.Document, pdf)
				r.put("docs/cps-2.0.pdf.p7s", artifact.DocumentSignature,
					plainCMS(newCert("CRL only", 40, r.sub,
						func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageCRLSign }), pdf))
				r.commit()
			}),
		room("signature without its document", []string{"document-signature@docs/other.p7s#no document"},
			func(r *repo) {
				r.put("docs/other.p7s", artifact.DocumentSignature, detached(r.document, []byte("gone")))
				r.commit()
			}),
		{name: "room: bundles under a strict policy", want: []string{"section-a@ocsp/sub.generation"},
			do: func(_ *testing.T, _ *repo, c *verify.Config) { c.Policy.Strict = true }},
		room("document without a signature", []string{"section-a-advice@docs/cps-2.0.pdf"}, func(r *repo) {
			r.put("docs/cps-2.0.pdf", artifact.Document, []byte("%PDF-1.7\n% 2.0\n%%EOF\n"))
			r.commit()
		}).passing(),
	}
}

// pageWith prints digests in the ways that people print them.
func pageWith(_ *repo, digests ...artifact.Digest) []byte {
	page := "<!DOCTYPE html><title>x</title>"
	for i, d := range digests {
		sep, width := []string{" ", ":", ""}[i%3], []int{4, 2, 64}[i%3]
		var parts []string
		for s := strings.ToUpper(d.String()); len(s) > 0; s = s[width:] {
			parts = append(parts, s[:width])
		}
		page += "<code>" + strings.Join(parts, sep) + "</code>"
	}
	return []byte(page)
}

func (c tamper) passing() tamper {
	c.passes = true
	return c
}
