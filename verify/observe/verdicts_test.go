package observe_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/internal/inputtest"
	"seihon/verify/japanese"
	"seihon/verify/observe"
	"seihon/verify/report"
)

// look observes the world and returns what was found, as code/severity, each once.
func (w *world) look() (codes []string, o *report.Observation) {
	w.tb.Helper()
	conf := observe.Config{
		Groups: []observe.Group{w.group}, State: w.state, Timeout: 2 * time.Second, MaxList: 1 << 20,
		Now: func() time.Time { return w.now },
	}
	seen, err := observe.Observe(w.tb.Context(), conf)
	if err != nil {
		w.tb.Fatal(err)
	}
	o = report.NewObservation(conf, seen, nil)
	for _, f := range o.Findings {
		codes = append(codes, f.Code+"/"+string(f.Severity))
	}
	slices.Sort(codes)
	w.readable(o)
	return slices.Compact(codes), o
}

var sentence = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`)

// readable wants every sentence in both languages, and every form of the report.
func (w *world) readable(o *report.Observation) {
	w.tb.Helper()
	for _, f := range o.Findings {
		if f.TextEN == "" || f.TextJA == "" || f.Code == "internal" {
			w.tb.Errorf("the table of findings lacks %s: %+v", f.Code, f)
		}
		for _, text := range []string{f.Detail, f.Want, f.Got} {
			if _, known := japanese.Of(text); !known && sentence.MatchString(text) &&
				!strings.Contains(text, "Content-Type") {
				w.tb.Errorf("%s: nobody translated %q", f.Code, text)
			}
		}
	}
	var text, page, js, figures bytes.Buffer
	for _, err := range []error{o.WriteText(&text), o.WriteHTML(&page), o.WriteJSON(&js), o.WritePrometheus(&figures)} {
		if err != nil {
			w.tb.Error(err)
		}
	}
	for _, f := range o.Findings {
		if !strings.Contains(text.String(), f.Code) || !strings.Contains(page.String(), f.TextJA) ||
			!strings.Contains(js.String(), f.Code) {
			w.tb.Errorf("%s is not in every form of the report", f.Code)
		}
	}
}

// A fault is one thing wrong with a CA that is in good order otherwise.
type fault struct {
	name string
	want string // codes with severities
	make func(w *world)
}

func faultsOfLists() []fault {
	list := func(change func(w *world, l *inputtest.List)) func(w *world) {
		return func(w *world) {
			l := w.good()
			change(w, &l)
			w.list("/ca.crl", l)
		}
	}
	quiet := func(make func(w *world)) func(w *world) { // of the list alone
		return func(w *world) {
			w.group.Responders = nil
			make(w)
		}
	}
	header := func(name, value string) func(w *world) {
		return func(w *world) {
			der := w.der(w.good())
			w.page("/ca.crl", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/pkix-crl")
				rw.Header().Set(name, value)
				_, _ = rw.Write(der)
			})
		}
	}
	body := func(b func(w *world) []byte) func(w *world) { return quiet(func(w *world) { w.raw("/ca.crl", b(w)) }) }
	return []fault{
		{"nothing", "", func(*world) {}},
		{"nothing, by a delegate", "", func(w *world) { w.delegateTo(func(*x509.Certificate) {}) }},
		{"nothing, without entries", "", quiet(list(func(_ *world, l *inputtest.List) { l.Entries = nil }))},
		{"stale", "crl-stale/error", list(func(w *world, l *inputtest.List) {
			l.This, l.Next = inputtest.UTC(w.now.Add(-30*time.Hour)), inputtest.UTC(w.now.Add(-time.Hour))
		})},
		{"near its end", "observe-ageing/warning", list(func(w *world, l *inputtest.List) {
			l.This, l.Next = inputtest.UTC(w.now.Add(-47*time.Hour)), inputtest.UTC(w.now.Add(2*time.Hour))
		})},
		{"of the future", "not-yet-valid/error",
			list(func(w *world, l *inputtest.List) { l.This = inputtest.UTC(w.now.Add(time.Hour)) })},
		{"without nextUpdate", "observe-no-end/error", list(func(_ *world, l *inputtest.List) { l.Next = []byte{} })},
		{"for good", "", list(func(_ *world, l *inputtest.List) { l.Next = []byte("\x18\x0f99991231235959Z") })},
		{"without a number", "observe-profile/error", list(func(_ *world, l *inputtest.List) { l.NoNumber = true })},
		{"version 1", "observe-form/error",
			quiet(list(func(_ *world, l *inputtest.List) { l.Version, l.NoNumber = []byte{}, true }))},
		{"an entry twice", "observe-profile/error",
			list(func(_ *world, l *inputtest.List) { l.Entries = append(l.Entries, l.Entries[0]) })},
		{"an entry that cannot be read", "observe-form/error",
			list(func(_ *world, l *inputtest.List) { l.Entries[1].Extensions[0] = reason(7) })},
		{"an unknown critical extension", "observe-profile/error", list(func(_ *world, l *inputtest.List) {
			l.Extensions = [][]byte{inputtest.Extension([]byte{6, 3, 0x2a, 3, 4}, true, []byte{5, 0})}
		})},
		{"a signature that does not verify", "observe-signature/critical", body(func(w *world) []byte {
			der := w.der(w.good())
			der[len(der)-1] ^= 1
			return der
		})},
		{"a CA of the same name", "observe-signature/critical", body(func(w *world) []byte {
			key := must(rsa.GenerateKey(rand.Reader, 2048))
			return other(w, key, x509.SHA256WithRSA)
		})},
		{"another CA", "observe-issuer/error", body(func(*world) []byte {
			return inputtest.NewCA("Another CA").List(inputtest.List{This: inputtest.UTC(time.Now().Add(-time.Hour)),
				Next: inputtest.UTC(time.Now().Add(day))})
		})},
		{"a private key in it", "private-key/critical", body(func(w *world) []byte {
			key := must(x509.MarshalPKCS8PrivateKey(w.key))
			return w.der(inputtest.List{Extensions: [][]byte{inputtest.Extension([]byte{6, 3, 0x2a, 3, 4}, false,
				key)}})
		})},
		{"PEM", "observe-form/error", func(w *world) {
			w.raw("/ca.crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: w.der(w.good())}))
		}},
		{"an HTML page", "observe-form/error",
			body(func(*world) []byte { return []byte("<!DOCTYPE html><html><body>gone</body></html>") })},
		{"a certificate", "observe-form/error", body(func(w *world) []byte { return w.ca.Cert.Raw })},
		{"nothing at all", "observe-form/error", body(func(*world) []byte { return nil })},
		{"truncated", "observe-form/error", body(func(w *world) []byte { return w.der(w.good())[:100] })},
		{"two, one behind the other", "observe-form/error",
			body(func(w *world) []byte { return append(w.der(w.good()), w.der(w.good())...) })},
		{"huge", "observe-unreachable/error", body(func(*world) []byte { return make([]byte, 2<<20) })},
		{"without an end", "observe-unreachable/error", quiet(func(w *world) {
			w.page("/ca.crl", func(rw http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := rw.Write(make([]byte, 1000)); err != nil {
						return
					}
					rw.(http.Flusher).Flush()
				}
			})
		})},
		{"never coming", "observe-unreachable/error", quiet(func(w *world) {
			w.page("/ca.crl", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		})},
		{"500", "observe-unreachable/error", quiet(func(w *world) {
			w.page("/ca.crl", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) })
		})},
		{"404", "observe-unreachable/error", quiet(func(w *world) { w.group.Lists = []string{w.at("/no.crl")} })},
		{"a redirect", "header-redirect/warning", func(w *world) {
			w.raw("/new.crl", w.der(w.good()))
			w.page("/ca.crl",
				func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/new.crl", http.StatusFound) })
		}},
		{"redirects in a circle", "observe-unreachable/error", quiet(func(w *world) {
			w.page("/ca.crl",
				func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/b.crl", http.StatusFound) })
			w.page("/b.crl",
				func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/ca.crl", http.StatusFound) })
		})},
		{"redirected to a file", "observe-unreachable/error", quiet(func(w *world) {
			w.page("/ca.crl", func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Location", "file:///etc/passwd")
				rw.WriteHeader(http.StatusFound)
			})
		})},
		{"no host", "observe-unreachable/error",
			quiet(func(w *world) { w.group.Lists = []string{"http://127.0.0.1:1/ca.crl"} })},
		{"the wrong type", "header-type/error", header("Content-Type", "text/plain")},
		{"cached beyond its end", "header-cache/error", header("Cache-Control", "max-age=31536000")},
		{"compressed, it says", "header-encoding/error", header("Content-Encoding", "br")},
		{"SHA-1", "observe-weak/error", body(func(w *world) []byte {
			key := must(rsa.GenerateKey(rand.Reader, 2048))
			w.group.Issuers = []*x509.Certificate{rsaCA(w, key)}
			return other(w, key, x509.SHA1WithRSA)
		})},
		{"the address of another", "observe-scope/warning",
			list(func(w *world, l *inputtest.List) { l.Extensions = [][]byte{idp(w.at("/else.crl"))} })},
		{"a delta of this list", "", func(w *world) {
			w.list("/delta.crl", delta(w, 7, 8, 0x20))
			w.group.Lists = append(w.group.Lists, w.at("/delta.crl"))
			w.revoked["20"] = ocsp.Response{RevokedAt: w.now.Add(-2 * time.Hour)}
		}},
		{"a delta that takes an entry off", "", func(w *world) {
			d := delta(w, 7, 8, 0x10)
			d.Entries[0].Extensions = [][]byte{reason(8)}
			w.list("/delta.crl", d)
			w.group.Lists = append(w.group.Lists, w.at("/delta.crl"))
			delete(w.revoked, "10")
		}},
		{"a delta of a list to come", "delta-base/error", quiet(func(w *world) {
			w.list("/delta.crl", delta(w, 9, 10, 0x20))
			w.group.Lists = append(w.group.Lists, w.at("/delta.crl"))
		})},
		{"a delta from before", "observe-delta/warning", quiet(func(w *world) {
			w.list("/delta.crl", delta(w, 4, 5, 0x20))
			w.group.Lists = append(w.group.Lists, w.at("/delta.crl"))
		})},
		{"a delta with another date", "observe-delta/error", quiet(func(w *world) {
			w.list("/delta.crl", delta(w, 6, 8, 0x10))
			w.group.Lists = append(w.group.Lists, w.at("/delta.crl"))
		})},
		{"a number for two lists", "crl-number-reused/critical", quiet(func(w *world) {
			w.list("/mirror.crl", inputtest.List{})
			w.group.Lists = append(w.group.Lists, w.at("/mirror.crl"))
		})},
		{"partitions in good order", "", func(w *world) {
			a, b := w.good(), w.good()
			a.Entries, b.Entries = a.Entries[:1], b.Entries[1:]
			a.Extensions, b.Extensions = [][]byte{idp(w.at("/1.crl"))}, [][]byte{idp(w.at("/2.crl"))}
			w.list("/1.crl", a)
			w.list("/2.crl", b)
			w.group.Lists, w.group.Partitions = nil, []string{w.at("/1.crl"), w.at("/2.crl")}
		}},
		{"one partition at two addresses", "observe-scope/error", func(w *world) {
			a := w.good()
			a.Extensions = [][]byte{idp(w.at("/1.crl"))}
			w.list("/1.crl", a)
			w.list("/2.crl", a)
			w.group.Lists, w.group.Partitions = nil, []string{w.at("/1.crl"), w.at("/2.crl")}
		}},
		{"partitions that do not say which", "observe-scope/error", quiet(func(w *world) {
			w.group.Lists, w.group.Partitions = nil, []string{w.at("/ca.crl")}
		})},
	}
}

func faultsOfResponders() []fault {
	change := func(f func(w *world, r *ocsp.Response, q *ocsp.Request, method string)) func(w *world) {
		return func(w *world) {
			w.change = func(r *ocsp.Response, q *ocsp.Request, method string) { f(w, r, q, method) }
		}
	}
	delegate := func(f func(w *world, c *x509.Certificate)) func(w *world) {
		return func(w *world) { w.delegateTo(func(c *x509.Certificate) { f(w, c) }) }
	}
	rewrite := func(f func(rw http.ResponseWriter, der []byte, q *ocsp.Request, method string) bool) func(w *world) {
		return func(w *world) { w.rewrite = f }
	}
	return []fault{
		{"good for a listed one", "coherence-good-but-revoked/critical", func(w *world) { delete(w.revoked, "10") }},
		{"good from before", "coherence-good-but-revoked/error",
			change(func(w *world, r *ocsp.Response, q *ocsp.Request, _ string) {
				if q.SerialNumber.Int64() == 0x10 {
					r.Status, r.ThisUpdate = ocsp.Good, w.now.Add(-50*time.Hour)
				}
			})},
		{"another date", "coherence-date/error",
			func(w *world) { w.revoked["10"] = ocsp.Response{RevokedAt: w.now.Add(-time.Hour)} }},
		{"another reason", "coherence-reason/warning", func(w *world) {
			w.revoked["11"] = ocsp.Response{RevokedAt: w.revoked["11"].RevokedAt, RevocationReason: ocsp.Superseded}
		}},
		{"unknown for a listed one", "observe-no-answer/warning", func(w *world) { w.unknown["10"] = true }},
		{"nothing about a listed one", "observe-no-answer/warning", func(w *world) { delete(w.issued, "10") }},
		{"vouching for what was never issued", "responder-never-issued/critical", func(w *world) { w.claims = true }},
		{"a good certificate",
			"", func(w *world) { w.group.Certificates = []*x509.Certificate{w.subscriber(0x20, w.now.Add(day))} }},
		{"a revoked certificate",
			"", func(w *world) { w.group.Certificates = []*x509.Certificate{w.subscriber(0x10, w.now.Add(day))} }},
		{"a certificate that is revoked by OCSP only", "coherence-revoked-not-listed/error", func(w *world) {
			w.group.Certificates = []*x509.Certificate{w.subscriber(0x20, w.now.Add(day))}
			w.revoked["20"] = ocsp.Response{RevokedAt: w.now.Add(-day)}
		}},
		{"a certificate that was revoked after the list", "", func(w *world) {
			w.group.Certificates = []*x509.Certificate{w.subscriber(0x20, w.now.Add(day))}
			w.revoked["20"] = ocsp.Response{RevokedAt: w.now.Add(-50 * time.Minute)}
			w.change = func(r *ocsp.Response, _ *ocsp.Request, _ string) { r.ThisUpdate = w.now.Add(-40 * time.Minute) }
		}},
		{"a certificate that it does not know", "observe-no-answer/error", func(w *world) {
			w.group.Certificates = []*x509.Certificate{w.subscriber(0x21, w.now.Add(day))}
		}},
		{"stale", "ocsp-stale/error", change(func(w *world, r *ocsp.Response, _ *ocsp.Request,
			_ string) {
			r.NextUpdate = w.now.Add(-time.Minute)
		})},
		{"of the future", "not-yet-valid/error observe-profile/error",
			change(func(w *world, r *ocsp.Response, _ *ocsp.Request, _ string) {
				r.ThisUpdate = w.now.Add(365 * 24 * time.Hour)
				r.NextUpdate = r.ThisUpdate.Add(day)
			})},
		{"without nextUpdate", "observe-no-end/warning",
			change(func(_ *world, r *ocsp.Response, _ *ocsp.Request, _ string) { r.NextUpdate = time.Time{} })},
		{"a delegate without EKU", "observe-delegate/error",
			delegate(func(_ *world, c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{"a delegate that has expired", "observe-delegate/error",
			delegate(func(w *world, c *x509.Certificate) { c.NotAfter = w.now.Add(-time.Hour) })},
		{"a delegate that does not outlive its answers", "observe-delegate/warning",
			delegate(func(w *world, c *x509.Certificate) { c.NotAfter = w.now.Add(day) })},
		{"a delegate without nocheck", "observe-delegate/warning",
			delegate(func(_ *world, c *x509.Certificate) { c.ExtraExtensions = nil })},
		{"a delegate of another CA", "observe-signature/critical", func(w *world) {
			w.delegateTo(func(*x509.Certificate) {})
			another := inputtest.NewCA("Another CA")
			c := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: w.delegate.Subject,
				NotBefore: w.delegate.NotBefore, NotAfter: w.delegate.NotAfter,
				ExtKeyUsage: w.delegate.ExtKeyUsage, ExtraExtensions: w.delegate.Extensions}
			w.delegate = w.certify(c, w.delegated.Public(), another.Cert, keyOf("Another CA"))
		}},
		{"a signature that does not verify", "observe-signature/critical",
			rewrite(func(rw http.ResponseWriter, der []byte, _ *ocsp.Request, _ string) bool {
				if len(der) > 5 {
					der[len(der)-1] ^= 1
				}
				_, _ = rw.Write(der)
				return true
			})},
		{"SHA-1 only", "observe-hash/warning",
			rewrite(func(rw http.ResponseWriter, _ []byte, q *ocsp.Request, _ string) bool {
				if q.HashAlgorithm != crypto.SHA1 {
					_, _ = rw.Write([]byte{0x30, 3, 0x0a, 1, 6})
				}
				return q.HashAlgorithm != crypto.SHA1
			})},
		{"GET is refused", "observe-unreachable/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, method string) bool {
				if method == http.MethodGet {
					rw.WriteHeader(http.StatusMethodNotAllowed)
				}
				return method == http.MethodGet
			})},
		{"500", "observe-unreachable/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				rw.WriteHeader(500)
				return true
			})},
		{"a redirect", "observe-unreachable/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				rw.Header().Set("Location", "/elsewhere")
				rw.WriteHeader(http.StatusFound)
				return true
			})},
		{"an HTML page", "observe-form/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				_, _ = rw.Write([]byte("<html>maintenance</html>"))
				return true
			})},
		{"huge", "observe-unreachable/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				_, _ = rw.Write(make([]byte, 1<<20))
				return true
			})},
		{"about another certificate", "observe-another/critical",
			change(func(w *world, r *ocsp.Response, _ *ocsp.Request, _ string) { r.SerialNumber = big.NewInt(0x99) })},
		{"cached beyond its end", "header-cache/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				rw.Header().Set("Cache-Control", "max-age=31536000")
				return false
			})},
		{"another answer by GET", "coherence-good-but-revoked/critical observe-two-answers/error",
			change(func(_ *world, r *ocsp.Response, q *ocsp.Request, method string) {
				if method == http.MethodGet && q.SerialNumber.Int64() == 0x10 {
					r.Status = ocsp.Good
				}
			})},
		{"a nonce for everybody", "observe-nonce/error observe-nonce/warning", func(w *world) {
			w.group.Lists = nil
			w.claims = true
			w.rewrite = func(rw http.ResponseWriter, _ []byte, q *ocsp.Request, _ string) bool {
				nonce := inputtest.Extension([]byte{6, 9, 0x2b, 6, 1, 5, 5, 7, 48, 1, 2}, false, []byte{4, 2, 1, 2})
				this := inputtest.Generalized(w.now.Add(-time.Hour))
				_, _ = rw.Write(w.ca.Response(inputtest.Response{Produced: this, Extensions: [][]byte{nonce},
					Singles: []inputtest.Single{{
						This: this, Next: append([]byte{0xa0, 17}, inputtest.Generalized(w.now.Add(day))...),
						// unknown
						Serial: inputtest.Integer(q.SerialNumber.Bytes()), SHA1: q.HashAlgorithm == crypto.SHA1,
						Status: []byte{0x82, 0},
					}}}))
				return true
			}
		}},
		{"tryLater", "observe-unreachable/error",
			rewrite(func(rw http.ResponseWriter, _ []byte, _ *ocsp.Request, _ string) bool {
				_, _ = rw.Write([]byte{0x30, 3, 0x0a, 1, 3})
				return true
			})},
	}
}

// TestVerdicts makes one fault at a time, and wants exactly its verdict.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for what, faults := range map[string][]fault{"list": faultsOfLists(), "responder": faultsOfResponders()} {
		for _, f := range faults {
			t.Run(what+": "+f.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				f.make(w)
				got, o := w.look()
				if text := strings.Join(got, " "); text != f.want {
					t.Errorf("found %q, want %q", text, f.want)
					for _, x := range o.Findings {
						t.Logf("%s %s: %s; want %s, got %s", x.Code, x.Name, x.Detail, x.Want, x.Got)
					}
				}
			})
		}
	}
}
