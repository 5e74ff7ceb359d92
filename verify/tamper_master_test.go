package verify_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"iter"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify"
)

func blob(name string) func(r *repo) string {
	return func(r *repo) string {
		log := r.writer.Log()
		line, ok := must(log.Replay(context.Background(), log.Size())).Get(name)
		if !ok {
			panic("no " + name)
		}
		return must(filepath.Rel(r.master(), log.BlobPath(line)))
	}
}

func firstBundle(r *repo) string {
	return must(filepath.Rel(r.master(), must(filepath.Glob(filepath.Join(r.master(), "bundles/*")))[0]))
}

func masterTampers() []tamper {
	file := func(name, want string, path func(r *repo) string, do func(dir, path string)) tamper {
		return tamper{name: "master: " + name, want: []string{want}, do: func(_ *testing.T, r *repo, _ *verify.Config) { do(r.master(), path(r)) }}
	}
	at := func(p string) func(*repo) string { return func(*repo) string { return p } }
	remove := func(dir, p string) { check(os.Remove(filepath.Join(dir, p))) }
	old := func(r *repo) string {
		line, _ := must(r.writer.Log().Replay(context.Background(), 1)).Get("crl/sub.crl")
		return must(filepath.Rel(r.master(), r.writer.Log().BlobPath(line)))
	}
	return []tamper{
		file("flipped byte in a list", "master-damaged@crl/sub.crl", blob("crl/sub.crl"), flip),
		file("flipped byte in a certificate", "master-damaged@cert/sub.cer", blob("cert/sub.cer"), flip),
		file("flipped byte in a bundle", "master-damaged@ocsp/bundles/", firstBundle, flip),
		file("missing document", "master-missing@docs/cps-1.0.pdf", blob("docs/cps-1.0.pdf"), remove),
		file("missing bundle", "master-missing@ocsp/bundles/", firstBundle, remove),
		file("missing list of the past", "master-missing@crl/sub.crl", old, remove),
		file("longer list", "master-damaged@crl/sub.crl", blob("crl/sub.crl"), func(d, p string) { write(d, p, append(read(d, p), 0)) }),
		file("flipped byte in an entry", "log-tree-damaged", at("log/tile/entries/000.p/2"), flip),
		file("flipped byte in a tile", "log-tree-damaged", at("log/tile/0/000.p/2"), flip),
		file("missing entries", "log-tree-damaged", at("log/tile/entries/000.p/2"), remove),
		file("no checkpoint", "log-no-log", at("log/checkpoint"), func(d, _ string) { check(os.RemoveAll(filepath.Join(d, "log"))) }),
		file("checkpoint lost its signature", "log-checkpoint-key", at("log/checkpoint"), func(d, p string) {
			b := read(d, p)
			b[len(b)-8] ^= 1
			write(d, p, b)
		}),
		file("missing manifest", "log-manifest-missing", func(r *repo) string {
			return must(filepath.Rel(r.master(), must(filepath.Glob(filepath.Join(r.master(), "manifests/*")))[0]))
		}, remove),
		file("flipped byte in a manifest", "log-manifest-damaged", func(r *repo) string {
			return must(filepath.Rel(r.master(), must(filepath.Glob(filepath.Join(r.master(), "manifests/*")))[0]))
		}, flip),
		{name: "master: another log's keys", want: []string{"log-checkpoint-key"}, do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Verifier = must(ledger.NewVerifier(origin, must(ledger.VKey(origin, newKey().Public()))))
		}},
		{name: "master: list tier finds what is missing", want: []string{"master-missing@docs/cps-1.0.pdf", "copy-missing@crl/sub.crl", "copy-different@cert/sub.cer"}, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Tier = verify.TierList
				check(os.Remove(filepath.Join(r.master(), blob("docs/cps-1.0.pdf")(r))))
				check(os.Remove(filepath.Join(r.public(), "crl/sub.crl")))
				write(r.public(), "cert/sub.cer", []byte("short"))
			}},
		{name: "master: list tier finds a wrong length", want: []string{"master-damaged@cert/sub.cer"}, only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Tier = verify.TierList
			write(r.master(), blob("cert/sub.cer")(r), []byte("short"))
		}},
		{name: "master: log tier finds a damaged tree", want: []string{"log-tree-damaged"}, do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Tier = verify.TierLog
			flip(r.master(), "log/tile/0/000.p/2")
		}},
	}
}

// publicationTampers are about the record of the publishing host.
func publicationTampers() []tamper {
	with := func(name string, want []string, digest func(r *repo) artifact.Digest, damage func(dir string)) tamper {
		return tamper{name: "publication log: " + name, want: want, passes: len(want) == 0, do: func(t *testing.T, r *repo, c *verify.Config) {
			w := publicationLog(t, r)
			d := digest(r)
			check(w.Append(t.Context(), &ledger.Entry{Publish: &ledger.Publish{Target: "public", MasterSize: 2, MasterRoot: r.writer.Log().Root(), Receipts: []ledger.Receipt{
				{Op: "put", Name: "crl/sub.crl", Kind: artifact.CRL, Digest: d, Size: 1, ETag: "x", Time: r.now}}}}))
			check(w.Append(t.Context(), &ledger.Entry{Refusal: &ledger.Refusal{Target: "public", Name: "x", Kind: artifact.PrivateKey, Digest: d, Rule: "private-key", Reason: "a key"}}))
			_ = must(w.Commit(t.Context()))
			c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"), must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
			if damage != nil {
				damage(c.Publication)
			}
		}}
	}
	known := func(r *repo) artifact.Digest { return artifact.Sum(r.files["crl/sub.crl"]) }
	return []tamper{
		with("clean", nil, known, nil),
		with("receipt for what no master has", []string{"receipt-unknown@crl/sub.crl"}, func(*repo) artifact.Digest { return artifact.Sum(nil) }, nil),
		with("flipped byte", []string{"log-tree-damaged"}, known, func(dir string) { flip(dir, "log/tile/entries/000.p/2") }),
	}
}

// room makes a case in which the signing room does something wrong in a third run, which is published faithfully.
func room(name string, want []string, do func(r *repo)) tamper {
	return tamper{name: "room: " + name, want: want, only: true, do: func(_ *testing.T, r *repo, _ *verify.Config) {
		do(r)
		r.publish(r.public())
	}}
}

func roomTampers() []tamper {
	again := func(l list) func(r *repo) {
		return func(r *repo) {
			r.put("crl/sub.crl", artifact.CRL, r.sub.list(l))
			r.commit()
		}
	}
	revoked := map[int64]time.Time{103: start.Add(-time.Hour), 105: start.Add(23 * time.Hour)}
	return []tamper{
		room("good for a revoked serial", []string{"coherence-good-but-revoked@serial 69"}, func(r *repo) {
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s == 105 {
					return respond(r.sub, r.delegate, h, s, time.Time{}, r.now, r.now.Add(72*time.Hour))
				}
				return der
			}
			r.run()
		}),
		room("unknown for a revoked serial", []string{"coherence-good-but-revoked@serial 69#unknown"}, func(r *repo) {
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s == 105 {
					return respondWith(r, h, ocsp.Response{Status: ocsp.Unknown, SerialNumber: big.NewInt(s)})
				}
				return der
			}
			r.run()
		}),
		room("response from the future", []string{"not-yet-valid@serial 68"}, func(r *repo) {
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s == 104 {
					return respond(r.sub, r.delegate, h, s, time.Time{}, r.now.Add(time.Hour), r.now.Add(72*time.Hour))
				}
				return der
			}
			r.run()
		}),
		room("key inside a response", []string{"private-key@serial 68"}, func(r *repo) {
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s == 104 {
					return respondWith(r, h, ocsp.Response{SerialNumber: big.NewInt(s), ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: pkcs8(r)}}})
				}
				return der
			}
			r.run()
		}),
		room("revoked but on no list", []string{"coherence-revoked-not-listed@serial 6b"}, func(r *repo) {
			r.subList = func(l *list) { l.revoked = revoked }
			r.revoked[107] = r.now
			r.run()
		}),
		room("another date", []string{"coherence-date@serial 69"}, func(r *repo) {
			r.subList = func(l *list) { l.revoked = map[int64]time.Time{103: revoked[103], 105: revoked[105].Add(time.Second)} }
			r.run()
		}),
		room("another reason", []string{"coherence-reason"}, func(r *repo) {
			r.subList = func(l *list) { l.reason = 4 }
			r.run()
		}),
		room("listed without an answer", []string{"coherence-no-answer@crl/sub.crl"}, func(r *repo) {
			r.revoked[400] = r.now
			r.run()
		}),
		room("answer about another CA's certificate with the same serial", []string{"ocsp-certid@ocsp/bundles/"}, func(r *repo) {
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte { return der }
			foreignGroup(r)
		}),
		room("answer by a CA of the same name", []string{"section-a@ocsp/bundles/"}, func(r *repo) {
			namesake := newCert("Test CA", 9, nil, asCA)
			r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
				if s != 104 {
					return der
				}
				forged := *r.sub
				forged.key = namesake.key
				return respondAs(&forged, h, s, r.now)
			}
			r.run()
		}),
		room("response in the wrong shard", []string{"bundle-shard@ocsp/bundles/"}, swapShards),
		room("bundle that the ledger does not know", []string{"generation-bundle@ocsp/sub.generation", "coherence-no-answer"}, func(r *repo) {
			changeGeneration(r, func(g *ocspcache.Generation) { g.Bundles[0].Digest = artifact.Sum([]byte("x")) })
		}),
		room("wrong count in a generation", []string{"generation-bundle@ocsp/sub.generation", "coherence-no-answer"}, func(r *repo) {
			changeGeneration(r, func(g *ocspcache.Generation) { g.Bundles[0].Count++ })
		}),
		room("generation number goes back", []string{"generation-number@ocsp/sub.generation"}, func(r *repo) {
			changeGeneration(r, func(g *ocspcache.Generation) { g.Number = 1 })
		}),
		{name: "room: damaged generation", want: []string{"generation-damaged@ocsp/sub.generation", "copy-different@ocsp/sub.generation"},
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.line = func(l *ledger.Line) { l.Name, l.Kind = "ocsp/sub.generation", artifact.OCSPGeneration }
				r.put("x", artifact.IndexPage, []byte(artifact.GenerationMagic+"issuer\n"))
				r.commit()
				write(r.public(), "ocsp/sub.generation", []byte(artifact.GenerationMagic+"issuer\n"))
			}},
		room("damaged bundle", []string{"bundle-damaged@ocsp/bundles/"}, damagedBundle),
		room("list number goes back", []string{"crl-number-backwards@crl/sub.crl"}, again(list{number: 1, this: start.Add(25 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked, reason: 1})),
		room("list number used twice", []string{"crl-number-reused@crl/sub.crl"}, again(list{number: 2, this: start.Add(25 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked, reason: 1})),
		room("list date goes back", []string{"crl-time-backwards@crl/sub.crl"}, again(list{number: 3, this: start.Add(20 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked, reason: 1})),
		room("list dated in the future", []string{"not-yet-valid@crl/sub.crl"}, again(list{number: 3, this: start.Add(30 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked, reason: 1})),
		room("list that is stale already", []string{"crl-stale@crl/sub.crl"}, again(list{number: 3, this: start.Add(24 * time.Hour), next: start.Add(24*time.Hour + time.Minute), revoked: revoked, reason: 1})),
		room("list by a stranger in the ledger", []string{"section-a@crl/other.crl"}, func(r *repo) {
			r.put("crl/other.crl", artifact.CRL, newCert("Other", 9, nil, asCA).list(list{number: 1, this: r.now, next: r.now.Add(time.Hour)}))
			r.commit()
		}),
		room("key in the ledger", []string{"private-key@cert/new.cer", "line-kind@cert/new.cer"}, func(r *repo) {
			r.put("cert/new.cer", artifact.CACertificate, pkcs8(r))
			r.commit()
		}),
		room("content of another kind", []string{"line-kind@cert/new.cer"}, func(r *repo) {
			r.put("cert/new.cer", artifact.CRL, r.sub.cert.Raw)
			r.commit()
		}),
		room("wrong dates in a line", []string{"line-dates@cert/new.cer"}, func(r *repo) {
			r.line = func(l *ledger.Line) { l.NotAfter = l.NotAfter.AddDate(1, 0, 0) }
			r.put("cert/new.cer", artifact.CACertificate, r.sub.cert.Raw)
			r.commit()
		}),
		room("wrong number in a line", []string{"line-number@cert/new.cer"}, func(r *repo) {
			r.line = func(l *ledger.Line) { l.Number = "77" }
			r.put("cert/new.cer", artifact.CACertificate, r.sub.cert.Raw)
			r.commit()
		}),
		{name: "room: gap between two lists", want: []string{"crl-gap@crl/sub.crl"}, passes: true, do: func(_ *testing.T, r *repo, _ *verify.Config) {
			r.now = r.now.Add(100 * time.Hour)
			r.run()
			r.publish(r.public())
		}},
		{name: "room: stopped", want: []string{"crl-stale@crl/sub.crl", "ocsp-stale@ocsp/sub.generation", "ocsp-stale@serial"}, do: func(_ *testing.T, r *repo, _ *verify.Config) {
			r.now = r.now.Add(73 * time.Hour)
		}},
		{name: "room: list older than allowed", want: []string{"crl-too-old@crl/sub.crl"}, do: func(_ *testing.T, r *repo, c *verify.Config) { c.CRLAge = time.Minute }},
		{name: "room: expired certificate", want: []string{"certificate-expired@cert/sub.cer"}, do: func(_ *testing.T, r *repo, _ *verify.Config) { r.now = r.now.AddDate(11, 0, 0) }},
	}
}

// respondWith makes a response with everything but the times as given.
func respondWith(r *repo, h crypto.Hash, resp ocsp.Response) []byte {
	resp.ThisUpdate, resp.NextUpdate, resp.IssuerHash, resp.Certificate = r.now, r.now.Add(72*time.Hour), h, r.delegate.cert
	return must(ocsp.CreateResponse(r.sub.cert, r.delegate.cert, resp, r.delegate.key))
}

// respondAs makes a response for sub that another key signed.
func respondAs(forged *ca, h crypto.Hash, serial int64, now time.Time) []byte {
	return respond(forged, forged, h, serial, time.Time{}, now, now.Add(72*time.Hour))
}

// changeGeneration commits the third generation of sub after a change.
func changeGeneration(r *repo, change func(*ocspcache.Generation)) {
	g, _, err := ocspcache.ParseGeneration(r.files["ocsp/sub.generation"])
	check(err)
	g.Number = 3
	change(g)
	r.put("ocsp/sub.generation", artifact.OCSPGeneration, g.Body())
	r.commit()
}

// bundleOf writes a bundle with the responses that add adds, as shard 0 of sub, and makes it the generation's.
func bundleOf(r *repo, change func([]byte), add func(w *ocspcache.BundleWriter)) {
	var out bytes.Buffer
	w := ocspcache.NewBundleWriter(&out, "sub", 0)
	add(w)
	sum := must(w.Close())
	b := out.Bytes()
	if change != nil {
		change(b)
	}
	d := artifact.Sum(b)
	r.put("ocsp/bundles/"+d.String(), artifact.OCSPBundle, b)
	changeGeneration(r, func(g *ocspcache.Generation) {
		g.Bundles[0] = ocspcache.GenerationBundle{Shard: 0, Digest: d, Size: sum.Size, Count: sum.Count, NextUpdate: sum.MinNextUpdate}
	})
}

func bundleKey(c *ca, serial int64) ocspcache.Key {
	return ocspcache.Key{Hash: crypto.SHA1, IssuerKeyHash: artifact.PublicKeyHash(c.cert, crypto.SHA1), Serial: serialOctets(serial)}
}

// inShard returns a serial of sub that belongs into a shard of two.
func inShard(r *repo, shard int) int64 {
	for _, s := range r.serials {
		if _, ok := r.revoked[s]; !ok && ocspcache.ShardOf(serialOctets(s), 2) == shard {
			return s
		}
	}
	panic("no serial in the shard")
}

func sub0(r *repo, w *ocspcache.BundleWriter) {
	for _, s := range r.serials {
		if ocspcache.ShardOf(serialOctets(s), 2) == 0 {
			check(w.Add(bundleKey(r.sub, s), respond(r.sub, r.delegate, crypto.SHA1, s, r.revoked[s], r.now, r.now.Add(72*time.Hour))))
		}
	}
}

func foreignGroup(r *repo) {
	s := inShard(r, 0)
	bundleOf(r, nil, func(w *ocspcache.BundleWriter) {
		sub0(r, w)
		check(w.Add(bundleKey(r.root, s), respond(r.root, r.root, crypto.SHA1, s, time.Time{}, r.now, r.now.Add(72*time.Hour))))
	})
}

func swapShards(r *repo) {
	s := inShard(r, 1)
	bundleOf(r, nil, func(w *ocspcache.BundleWriter) {
		sub0(r, w)
		check(w.Add(bundleKey(r.sub, s), respond(r.sub, r.delegate, crypto.SHA1, s, time.Time{}, r.now, r.now.Add(72*time.Hour))))
	})
}

func damagedBundle(r *repo) {
	bundleOf(r, func(b []byte) { b[256+144] ^= 1 }, func(w *ocspcache.BundleWriter) { sub0(r, w) })
}

func meaningTampers() []tamper {
	urls := func(name string, want []string, change func(t *x509.Certificate)) tamper {
		return room(name, want, func(r *repo) {
			c := newCert("Test OCSP 2", 30, r.sub, func(t *x509.Certificate) {
				t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
				t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
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
		urls("CRL distribution point that is not published", []string{"url-missing@cert/new.cer"}, func(t *x509.Certificate) { t.CRLDistributionPoints = []string{baseURL + "/crl/none.crl"} }),
		urls("CRL distribution point with another CA's list", []string{"url-wrong@cert/new.cer"}, func(t *x509.Certificate) { t.CRLDistributionPoints = []string{baseURL + "/crl/root-arl.crl"} }),
		urls("CA issuers with another CA", []string{"url-wrong@cert/new.cer"}, func(t *x509.Certificate) { t.IssuingCertificateURL = []string{baseURL + "/cert/root.cer"} }),
		urls("CRL distribution point elsewhere", []string{"url-elsewhere@cert/new.cer#CRL"}, func(t *x509.Certificate) { t.CRLDistributionPoints = []string{"ldap://ldap.example/cn=ca"} }),
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
			t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: q})
		}),
		urls("responder elsewhere", []string{"url-elsewhere@cert/new.cer#OCSP"}, func(t *x509.Certificate) { t.OCSPServer = []string{"http://ocsp.example"} }),
		urls("good URLs", nil, func(t *x509.Certificate) {
			t.CRLDistributionPoints, t.IssuingCertificateURL = []string{baseURL + "/crl/sub.crl"}, []string{baseURL + "/cert/sub.cer"}
		}).passing(),
		room("delta without its base", []string{"delta-base@crl/sub-delta.crl"}, func(r *repo) {
			r.put("crl/sub-delta.crl", artifact.DeltaCRL, r.sub.list(list{number: 9, this: r.now, next: r.now.Add(time.Hour), exts: delta(8)}))
			r.commit()
		}),
		room("delta with its base", nil, func(r *repo) {
			r.revoked[107] = r.now
			r.subList = func(l *list) { l.revoked = map[int64]time.Time{103: r.revoked[103], 105: r.revoked[105]} }
			r.put("crl/sub-delta.crl", artifact.DeltaCRL, r.sub.list(list{number: 9, this: r.now, next: r.now.Add(time.Hour), exts: delta(3), revoked: map[int64]time.Time{107: r.now}, reason: 1}))
			r.run()
		}).passing(),
		{name: "room: anchor that is not published", want: []string{"required-missing#the certificate of the anchor"}, only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Policy.Trust = artifact.NewTrust([]*x509.Certificate{r.root.cert, newCert("Other Root", 9, nil, asCA).cert}, nil)
		}},
		{name: "room: no CP or CPS", want: []string{"required-missing#a CP or CPS"}, only: true, do: func(t *testing.T, r *repo, _ *verify.Config) {
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
			r.put("index.html", artifact.IndexPage, pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw), artifact.Sum([]byte("forged"))))
			r.commit()
		}),
		room("page without the fingerprint of a CA", []string{"page-fingerprint@cert/root.cer#no page"}, func(r *repo) {
			r.put("index.html", artifact.IndexPage, pageWith(r, artifact.Sum(r.sub.cert.Raw)))
			r.commit()
		}),
		room("page with a link that leads nowhere", []string{"url-missing@index.html#link"}, func(r *repo) {
			r.put("index.html", artifact.IndexPage, append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)), `<a href="docs/none.pdf">x</a>`...))
			r.commit()
		}),
		{name: "room: page with a link to what was withdrawn", want: []string{"url-missing@index.html#withdrawn"}, only: true, passes: true, do: func(t *testing.T, r *repo, _ *verify.Config) {
			r.put("index.html", artifact.IndexPage, append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)), `<a href="cert/sub-ocsp.cer">x</a>`...))
			line, _ := must(r.writer.Log().Replay(t.Context(), 2)).Get("cert/sub-ocsp.cer")
			check(r.writer.Append(t.Context(), &ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: line.Name, Digest: line.Digest, Reason: "replaced"}}}}))
			r.commit()
			check(os.Remove(filepath.Join(r.public(), "cert/sub-ocsp.cer")))
			r.publish(r.public())
		}},
		room("page that tells the truth", nil, func(r *repo) {
			r.put("index.html", artifact.IndexPage, append(pageWith(r, artifact.Sum(r.root.cert.Raw), artifact.Sum(r.sub.cert.Raw)), `<a href="cert/sub.cer">x</a><a href="log/checkpoint">y</a><a href="#top">z</a>`...))
			r.commit()
		}).passing(),
		room("CA without a list", []string{"required-missing@cert/new.cer"}, func(r *repo) {
			r.put("cert/new.cer", artifact.CACertificate, newCert("New CA", 31, r.sub, asCA).cert.Raw)
			r.commit()
		}),
		room("document signed by a stranger", []string{"section-a@docs/cps-2.0.pdf", "section-a@docs/cps-2.0.pdf.p7s", "document-signature@docs/cps-2.0.pdf.p7s"}, func(r *repo) {
			pdf := []byte("%PDF-1.7\n%%EOF\n")
			r.put("docs/cps-2.0.pdf", artifact.Document, pdf)
			r.put("docs/cps-2.0.pdf.p7s", artifact.DocumentSignature, detached(newCert("Other", 9, nil, func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature }), pdf))
			r.commit()
		}),
		room("document signed inside", nil, func(r *repo) {
			pdf := document.SamplePDF("CPS", "3.0", []string{"text"})
			r.put("docs/cps-3.0.pdf", artifact.Document, must(document.SignPDF(context.Background(), document.Request{Content: bytes.NewReader(pdf), Certificate: r.document.cert,
				Signer: r.document.key, SigningTime: start}, document.Reason{})))
			r.commit()
		}).passing(),
		room("document signed by a certificate for other purposes", []string{"document-signature@docs/cps-2.0.pdf.p7s"}, func(r *repo) {
			pdf := document.SamplePDF("CPS", "2.0", nil)
			r.put("docs/cps-2.0.pdf", artifact.Document, pdf)
			r.put("docs/cps-2.0.pdf.p7s", artifact.DocumentSignature, plainCMS(newCert("CRL only", 40, r.sub, func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageCRLSign }), pdf))
			r.commit()
		}),
		room("signature without its document", []string{"document-signature@docs/other.p7s#no document"}, func(r *repo) {
			r.put("docs/other.p7s", artifact.DocumentSignature, detached(r.document, []byte("gone")))
			r.commit()
		}),
		{name: "room: bundles under a strict policy", want: []string{"section-a@ocsp/sub.generation"}, do: func(_ *testing.T, _ *repo, c *verify.Config) { c.Policy.Strict = true }},
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

// A book is an inventory for tests.
type book []verify.InventoryLine

func (b book) Lines(context.Context) iter.Seq2[verify.InventoryLine, error] {
	return func(yield func(verify.InventoryLine, error) bool) {
		for _, l := range b {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// inventory is the true one.
func (r *repo) inventory() book {
	b := book{{Issuer: "root", Serial: serialOctets(2), NotAfter: r.now.AddDate(1, 0, 0), Reason: -1}}
	for _, s := range r.serials {
		l := verify.InventoryLine{Issuer: "sub", Serial: serialOctets(s), NotAfter: r.now.AddDate(1, 0, 0), Reason: -1}
		if at, ok := r.revoked[s]; ok {
			l.Revoked, l.RevokedAt, l.Reason = true, at, 1
		}
		b = append(b, l)
	}
	return b
}

func inventoryTampers() []tamper {
	with := func(name string, want []string, change func(r *repo, b book) book) tamper {
		return tamper{name: "inventory: " + name, want: want, only: true, passes: len(want) == 0, do: func(_ *testing.T, r *repo, c *verify.Config) {
			c.Inventory = change(r, r.inventory())
		}}
	}
	return []tamper{
		with("agrees", nil, func(_ *repo, b book) book { return b }),
		with("revoked, but published as good", []string{"inventory-differs@serial 64#a response says", "inventory-not-listed@serial 64"}, func(_ *repo, b book) book {
			b[1].Revoked, b[1].RevokedAt, b[1].Reason = true, start, 1
			return b
		}),
		with("good, but published as revoked", []string{"inventory-differs@serial 67#a list says", "inventory-differs@serial 67#a response says"}, func(_ *repo, b book) book {
			b[4].Revoked = false
			return b
		}),
		with("other reason", []string{"coherence-reason@serial 67"}, func(_ *repo, b book) book {
			b[4].Reason = 4
			return b
		}),
		with("other date", []string{"coherence-date@serial 67#the list", "coherence-date@serial 67#the response"}, func(_ *repo, b book) book {
			b[4].RevokedAt = b[4].RevokedAt.Add(time.Hour)
			return b
		}),
		with("certificate without an answer", []string{"inventory-no-answer@serial 01f4"}, func(r *repo, b book) book {
			return append(b, verify.InventoryLine{Issuer: "sub", Serial: serialOctets(500), NotAfter: r.now.AddDate(1, 0, 0), Reason: -1})
		}),
		with("expired certificate without an answer", nil, func(r *repo, b book) book {
			return append(b, verify.InventoryLine{Issuer: "sub", Serial: serialOctets(500), NotAfter: r.now.AddDate(0, 0, -1), Reason: -1})
		}),
		with("answers about unknown certificates", []string{"inventory-unknown@sub"}, func(_ *repo, b book) book { return b[:len(b)-1] }),
		with("unknown issuer", []string{"required-missing@other"}, func(r *repo, b book) book {
			return append(b, verify.InventoryLine{Issuer: "other", Serial: []byte{1}, NotAfter: r.now.AddDate(1, 0, 0), Reason: -1})
		}),
	}
}
