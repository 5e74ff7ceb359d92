package verify_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/public"
	"seihon/verify"
)

// kindOf guesses the kind of a public name, as a correctly set up web server is told it.
func kindOf(name string) artifact.Kind {
	switch {
	case strings.HasPrefix(name, "/crl/"):
		return artifact.CRL
	case strings.HasPrefix(name, "/cert/"):
		return artifact.CACertificate
	case strings.HasSuffix(name, ".generation"):
		return artifact.OCSPGeneration
	case strings.HasPrefix(name, "/ocsp/bundles/"):
		return artifact.OCSPBundle
	case strings.HasSuffix(name, ".pdf"):
		return artifact.Document
	case strings.HasSuffix(name, ".p7s"):
		return artifact.DocumentSignature
	case path.Base(name) == "index.html":
		return artifact.IndexPage
	case name == "/log/checkpoint":
		return artifact.Checkpoint
	case strings.HasPrefix(name, "/log/manifests/"):
		return artifact.Manifest
	}
	return artifact.Tile
}

// serve serves the public copy with good headers, after hook had its way with the request. hook reports whether it has
// answered.
func serve(t *testing.T, r *repo, hook func(w http.ResponseWriter, req *http.Request) bool) verify.Source {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := public.HeaderFor(kindOf(req.URL.Path), time.Time{}, time.Time{}, r.now, 0)
		w.Header().Set("Content-Type", h.ContentType)
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Last-Modified", r.now.Format(http.TimeFormat))
		if hook(w, req) {
			return
		}
		b, err := readFile(r.public(), req.URL.Path)
		if err != nil {
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return must(verify.HTTP(verify.HTTPConfig{BaseURL: s.URL, Tries: 2, Pause: time.Millisecond}))
}

func httpTampers() []tamper {
	over := func(name, want string, hook func(w http.ResponseWriter, req *http.Request) bool) tamper {
		c := tamper{name: "http: " + name, want: []string{"copy-unlisted"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, hook)}}
			}}
		if want == "" {
			return c.passing()
		}
		c.want = append(c.want, want)
		return c
	}
	set := func(on, field, value string) func(w http.ResponseWriter, req *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == on {
				w.Header().Set(field, value)
			}
			return false
		}
	}
	fail := func(on string, code int) func(w http.ResponseWriter, req *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == on {
				http.Error(w, "no", code)
			}
			return req.URL.Path == on
		}
	}
	adding := func(on, field string, values ...string) func(w http.ResponseWriter, req *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			for _, v := range values {
				if req.URL.Path == on {
					w.Header().Add(field, v)
				}
			}
			return false
		}
	}
	dropping := func(name, want string, only bool, except string) tamper {
		return tamper{name: "http: " + name, want: []string{want}, only: only,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, func(_ http.ResponseWriter, req *http.Request) bool {
					if req.URL.Path != except {
						panic(http.ErrAbortHandler)
					}
					return false
				})}}
			}}
	}
	away := func(w http.ResponseWriter, req *http.Request, on string) bool {
		if on == "" || req.URL.Path == on {
			http.Redirect(w, req, "http://other.invalid"+req.URL.Path, http.StatusMovedPermanently)
			return true
		}
		return false
	}
	elsewhere := func(name, want string) tamper {
		return tamper{name: "http: " + name, want: []string{want}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r,
					func(w http.ResponseWriter, req *http.Request) bool { return away(w, req, "") })}}
			}}
	}
	first := true
	return []tamper{
		over("clean", "", func(http.ResponseWriter, *http.Request) bool { return false }),
		over("one dropped request is no finding", "", func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/crl/sub.crl" && first {
				first = false
				http.Error(w, "later", http.StatusServiceUnavailable)
				return true
			}
			return false
		}),
		dropping("nobody answers", "copy-unreadable@log/checkpoint#nothing was compared", true, ""),
		dropping("nobody answers any more", "copy-unreadable#the host stopped answering", false, "/log/checkpoint"),
		over("wrong media type", "header-type@crl/sub.crl", set("/crl/sub.crl", "Content-Type", "text/html")),
		over("cached beyond nextUpdate", "header-cache@crl/sub.crl",
			set("/crl/sub.crl", "Cache-Control", "max-age=600000")),
		over("shared caches beyond nextUpdate", "header-cache@ocsp/sub.generation",
			set("/ocsp/sub.generation", "Cache-Control", "max-age=1, s-maxage=600000")),
		over("not stored at all is fine", "", set("/crl/sub.crl", "Cache-Control", "no-store, max-age=600000")),
		over("malformed date", "header-date@cert/sub.cer",
			set("/cert/sub.cer", "Expires", "Tue, 24 Nov 2026 06:00:00 UTC")),
		over("encoding", "header-encoding@cert/sub.cer", set("/cert/sub.cer", "Content-Encoding", "gzip")),
		over("two encodings", "header-encoding@cert/sub.cer",
			adding("/cert/sub.cer", "Content-Encoding", "identity", "gzip")),
		over("identity is no encoding", "", set("/cert/sub.cer", "Content-Encoding", "Identity")),
		over("two media types", "header-type@crl/sub.crl", adding("/crl/sub.crl", "Content-Type", "text/html")),
		over("two media types of a checkpoint", "header-type@log/checkpoint",
			adding("/log/checkpoint", "Content-Type", "text/html")),
		over("a second date that is none", "header-date@cert/sub.cer",
			adding("/cert/sub.cer", "Last-Modified", "yesterday")),
		over("quoted max-age", "header-cache@crl/sub.crl", set("/crl/sub.crl", "Cache-Control", `max-age="31536000"`)),
		over("a second Cache-Control", "header-cache@crl/sub.crl",
			adding("/crl/sub.crl", "Cache-Control", "max-age=31536000")),
		over("CDN-Cache-Control of a year", "header-cache@crl/sub.crl",
			set("/crl/sub.crl", "CDN-Cache-Control", "max-age=31536000")),
		over("Surrogate-Control of a year", "header-cache@ocsp/sub.generation",
			set("/ocsp/sub.generation", "Surrogate-Control", "max-age=31536000")),
		over("stale for a year", "header-cache@crl/sub.crl",
			set("/crl/sub.crl", "Cache-Control", "max-age=60, stale-while-revalidate=31536000")),
		over("Expires in a year", "header-cache@crl/sub.crl", func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/crl/sub.crl" {
				w.Header().Del("Cache-Control")
				w.Header().Set("Expires", start.AddDate(1, 0, 0).Format(http.TimeFormat))
			}
			return false
		}),
		over("a cache must guess", "header-cache@crl/sub.crl", func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/crl/sub.crl" {
				w.Header().Del("Cache-Control")
				w.Header().Set("Last-Modified", start.AddDate(-10, 0, 0).Format(http.TimeFormat))
			}
			return false
		}),
		over("redirected", "header-redirect@cert/sub.cer", func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path != "/cert/sub.cer" || req.URL.RawQuery != "" {
				return false
			}
			http.Redirect(w, req, "/cert/sub.cer?x=1", http.StatusFound)
			return true
		}),
		over("redirected to another host",
			"header-redirect@cert/sub.cer#to another host, http://other.invalid/cert/sub.cer: nothing was asked there",
			func(w http.ResponseWriter, req *http.Request) bool {
				return away(w, req, "/cert/sub.cer")
			}),
		over("redirected in a circle", "header-redirect@cert/sub.cer#in a circle",
			func(w http.ResponseWriter, req *http.Request) bool {
				if req.URL.Path == "/cert/sub.cer" {
					http.Redirect(w, req, "/cert/sub.cer", http.StatusFound)
				}
				return req.URL.Path == "/cert/sub.cer"
			}),
		elsewhere("redirected to another host, the whole copy", "header-redirect@log/checkpoint#to another host"),
		over("server error", "copy-unreadable@cert/sub.cer", fail("/cert/sub.cer", 500)),
		over("server error for the checkpoint", "copy-unreadable@log/checkpoint", fail("/log/checkpoint", 500)),
		over("forbidden counts as missing", "copy-missing@cert/sub.cer#refused", fail("/cert/sub.cer", 403)),
		over("only the checkpoint forbidden", "checkpoint-missing@log/checkpoint#refused",
			fail("/log/checkpoint", 403)),
		over("only the checkpoint unauthorized", "copy-unreadable@log/checkpoint", fail("/log/checkpoint", 401)),
		over("cut off", "copy-unreadable@cert/sub.cer", func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path != "/cert/sub.cer" {
				return false
			}
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write([]byte("short"))
			return true
		}),
		refused("forbidden", http.StatusForbidden),
		refused("unauthorized", http.StatusUnauthorized),
		{name: "http: stale cache at one of two places",
			want: []string{"vantage-differs@crl/sub.crl", "copy-outdated@crl/sub.crl", "copy-unlisted"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				old := before(r, "crl/sub.crl")
				c.Copies = append(c.Copies,
					verify.Copy{Source: serve(t, r, func(w http.ResponseWriter, req *http.Request) bool {
						if req.URL.Path == "/crl/sub.crl" {
							_, _ = w.Write(old)
						}
						return req.URL.Path == "/crl/sub.crl"
					})})
			}},
	}
}

// refused is a copy that refuses every request: one finding says so, and not one of each object that it is missing.
func refused(name string, code int) tamper {
	return tamper{name: "http: every request " + name, want: []string{"copy-forbidden"}, only: true,
		do: func(t *testing.T, r *repo, c *verify.Config) {
			var asked atomic.Int64
			t.Cleanup(func() {
				if n := asked.Load(); n > 20 {
					t.Errorf("%d requests to find out that everything is refused", n)
				}
			})
			c.Copies = []verify.Copy{{Source: serve(t, r, func(w http.ResponseWriter, _ *http.Request) bool {
				asked.Add(1)
				http.Error(w, "AccessDenied", code)
				return true
			})}}
		}}
}
