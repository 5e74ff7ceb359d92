package verify_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ocspcache"
	"seihon/verify"
)

// A question is what a responder was asked; its serial is -1 when it is no small number.
type question struct {
	serial int64
	hash   crypto.Hash
	method string
	*ocsp.Request
}

// A lie is what a responder answers instead of the right answer; nil: the right one.
type lie func(q question) (der []byte, status int)

var unauthorized = []byte{0x30, 3, 0x0a, 1, 6}

// answering is a responder for GET and POST over the public bundles, which lies.
func answering(t *testing.T, r *repo, tell lie) string {
	t.Helper()
	answers := map[string][]byte{}
	for _, p := range bundleNames(r.public()) {
		b := must(ocspcache.OpenBundle(p))
		for k, der := range b.All() {
			key := k.Hash.String() + string(k.Serial)
			if old := answers[key]; old == nil || this(der).After(this(old)) {
				answers[key] = bytes.Clone(der)
			}
		}
		b.Close()
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, "/ocsp/") {
			http.NotFound(w, req)
			return
		}
		der, err := io.ReadAll(req.Body)
		if req.Method == http.MethodGet {
			der, err = base64.StdEncoding.DecodeString(must(url.QueryUnescape(strings.TrimPrefix(req.URL.EscapedPath(),
				"/ocsp/"))))
		}
		check(err)
		q := must(ocsp.ParseRequest(der))
		right, ok := answers[q.HashAlgorithm.String()+string(q.SerialNumber.Bytes())]
		if !ok {
			right = unauthorized
		}
		serial := int64(-1)
		if q.SerialNumber.IsInt64() {
			serial = q.SerialNumber.Int64()
		}
		answer, status := tell(question{serial, q.HashAlgorithm, req.Method, q})
		if answer == nil {
			answer = right
		}
		if status != 0 {
			w.WriteHeader(status)
		}
		_, _ = w.Write(answer)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/ocsp"
}

func this(der []byte) time.Time { return must(artifact.ParseResponse(der)).Singles[0].ThisUpdate }

func truthful(question) ([]byte, int) { return nil, 0 }

// asking is a case in which the responder of the only copy lies.
func asking(name, want string, tell func(r *repo) lie) tamper {
	c := tamper{name: "responder: " + name, only: true, do: func(t *testing.T, r *repo, c *verify.Config) {
		r.now = r.now.Add(2 * time.Hour) // no cache has what was before the newest signing run
		c.Copies[0].Responder = answering(t, r, tell(r))
	}}
	if want == "" {
		c.passes = true
		return c
	}
	c.want = []string{want}
	return c
}

// of answers about one certificate of sub with a response that is made for it.
func of(serial int64, make func(r *repo, h crypto.Hash) []byte) func(r *repo) lie {
	return func(r *repo) lie {
		return func(q question) ([]byte, int) {
			if q.serial != serial {
				return nil, 0
			}
			return make(r, q.hash), 0
		}
	}
}

func responderTampers() []tamper {
	always := func(l lie) func(*repo) lie { return func(*repo) lie { return l } }
	good := func(age time.Duration) func(r *repo, h crypto.Hash) []byte {
		return func(r *repo, h crypto.Hash) []byte {
			return respond(r.sub, r.delegate, h, 105, time.Time{}, r.now.Add(-age), r.now.Add(48*time.Hour))
		}
	}
	return []tamper{
		asking("as the master says", "", always(truthful)),
		asking("yesterday's good for a certificate revoked since", "responder-differs@sub serial 69",
			of(105, good(25*time.Hour))),
		asking("a new good for a revoked certificate", "responder-differs@sub serial 69 (revoked",
			of(105, good(time.Minute))),
		asking("another date of revocation", "responder-differs@sub serial 69",
			of(105, func(r *repo, h crypto.Hash) []byte {
				return respond(r.sub, r.delegate, h, 105, r.revoked[105].Add(time.Second), r.now, r.now.Add(time.Hour))
			})),
		asking("good by POST only", "responder-differs@POST", func(r *repo) lie {
			return func(q question) ([]byte, int) {
				if q.serial == 105 && q.method == http.MethodPost {
					return good(25*time.Hour)(r, q.hash), 0
				}
				return nil, 0
			}
		}),
		asking("good by SHA-256 only", "responder-differs@SHA-256", func(r *repo) lie {
			return func(q question) ([]byte, int) {
				if q.serial == 105 && q.hash == crypto.SHA256 {
					return good(25*time.Hour)(r, q.hash), 0
				}
				return nil, 0
			}
		}),
		asking("always 500", "responder-fails@every#500",
			always(func(question) ([]byte, int) { return []byte("no"), 500 })),
		asking("404 for all", "responder-fails@every#404",
			always(func(question) ([]byte, int) { return []byte("no"), 404 })),
		asking("no POST", "responder-fails@POST", always(func(q question) ([]byte, int) {
			if q.method == http.MethodPost {
				return []byte("no"), 405
			}
			return nil, 0
		})),
		asking("tryLater for a revoked certificate", "responder-fails@sub serial 69#tryLater",
			of(105, func(*repo, crypto.Hash) []byte { return []byte{0x30, 3, 0x0a, 1, 3} })),
		asking("an error that no standard knows", "responder-fails@sub serial 69#does not know",
			of(105, func(*repo, crypto.Hash) []byte { return []byte{0x30, 3, 0x0a, 1, 7} })),
		asking("unauthorized for a revoked certificate", "responder-fails@sub serial 69#unauthorized",
			of(105, func(*repo, crypto.Hash) []byte { return unauthorized })),
		asking("signed by somebody else", "responder-invalid@sub serial 69",
			of(105, func(r *repo, h crypto.Hash) []byte {
				return respond(r.sub, newCert("Test OCSP", 3, newCert("Test CA", 2, nil, asCA), asDelegate), h, 105,
					r.revoked[105], r.now, r.now.Add(time.Hour))
			})),
		asking("stale", "responder-invalid@sub serial 69#stale", of(105, func(r *repo, h crypto.Hash) []byte {
			return respond(r.sub, r.delegate, h, 105, r.revoked[105], r.now.Add(-time.Hour), r.now.Add(-time.Minute))
		})),
		asking("of the future", "responder-invalid@sub serial 69#future", of(105, func(r *repo, h crypto.Hash) []byte {
			return respond(r.sub, r.delegate, h, 105, r.revoked[105], r.now.Add(time.Hour), r.now.Add(2*time.Hour))
		})),
		asking("a reason that only one reader passes", "responder-two-readings@sub serial 69#is revoked",
			of(105, func(r *repo, h crypto.Hash) []byte {
				return must(ocsp.CreateResponse(r.sub.cert, r.delegate.cert,
					ocsp.Response{Status: ocsp.Revoked, SerialNumber: big.NewInt(105), RevokedAt: r.revoked[105],
						RevocationReason: 7,
						ThisUpdate:       r.now, NextUpdate: r.now.Add(time.Hour), IssuerHash: h,
						Certificate: r.delegate.cert},
					r.delegate.key))
			})),
		asking("two answers about one certificate, of which a reader takes the first",
			"responder-two-readings@sub serial 69#status is 1 to one reader and 0",
			of(105, func(r *repo, h crypto.Hash) []byte {
				revoked := respond(r.sub, r.delegate, h, 105, r.revoked[105], r.now, r.now.Add(time.Hour))
				if h == crypto.SHA1 {
					return revoked
				}
				return joined(r.delegate,
					respond(r.sub, r.delegate, crypto.SHA1, 105, time.Time{}, r.now, r.now.Add(time.Hour)), revoked)
			})),
		asking("about another certificate", "responder-invalid@sub serial 69#another",
			of(105, func(r *repo, h crypto.Hash) []byte {
				return respond(r.sub, r.delegate, h, 104, time.Time{}, r.now, r.now.Add(time.Hour))
			})),
		asking("an HTML page", "responder-invalid@",
			always(func(question) ([]byte, int) { return []byte("<html>welcome</html>"), 0 })),
		asking("an endless answer", "responder-fails@every#longer",
			always(func(question) ([]byte, int) { return make([]byte, 1<<20), 0 })),
		asking("good for whatever is asked", "responder-never-issued@sub#good", func(r *repo) lie {
			return func(q question) ([]byte, int) {
				if q.serial >= 0 || !bytes.Equal(q.IssuerKeyHash, artifact.PublicKeyHash(r.sub.cert, q.hash)) {
					return nil, 0
				}
				return produced(r.now, r.sub, r.delegate,
					ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: r.now,
						NextUpdate: r.now.Add(time.Hour), IssuerHash: q.hash, Certificate: r.delegate.cert}), 0
			}
		}),
		asking("the same from yesterday", "responder-older@sub serial 67", func(r *repo) lie {
			return func(q question) ([]byte, int) {
				if q.serial != 103 {
					return nil, 0
				}
				return respond(r.sub, r.delegate, q.hash, 103, r.revoked[103], r.now.Add(-25*time.Hour),
					r.now.Add(time.Hour)), 0
			}
		}).passing(),
		{name: "responder: one of two places knows nothing of the revocation",
			want: []string{"responder-differs@sub serial 69", "responder-edges@sub serial 69#good"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = append(c.Copies, c.Copies[0])
				c.Copies[0].Responder = answering(t, r, of(105, good(25*time.Hour))(r))
				c.Copies[1].Responder = answering(t, r, truthful)
			}},
		{name: "responder: the revocation was sent a minute ago", want: []string{"responder-older@sub serial 69"},
			passes: true, only: true, do: func(t *testing.T, r *repo, c *verify.Config) {
				r.now = r.now.Add(-time.Hour + time.Minute)
				c.Copies[0].Responder = answering(t, r, of(105, func(r *repo, h crypto.Hash) []byte {
					return respond(r.sub, r.delegate, h, 105, time.Time{}, r.now.Add(-24*time.Hour),
						r.now.Add(48*time.Hour))
				})(r))
			}},
		{name: "responder: of the certificate that was sent a minute ago it has no answer",
			want: []string{"responder-older@sub serial 69#unauthorized"}, passes: true, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				r.now = r.now.Add(-time.Hour + time.Minute)
				c.Copies[0].Responder = answering(t, r,
					of(105, func(*repo, crypto.Hash) []byte { return unauthorized })(r))
			}},
		{name: "responder: gone", want: []string{"responder-fails@every"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies[0].Responder = "http://127.0.0.1:1/ocsp"
			}},
	}
}
