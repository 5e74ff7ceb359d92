package verify_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify"
	"seihon/verify/report"
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
	return must(filepath.Rel(r.master(), matches(r.master(), "bundles/*")[0]))
}

func masterTampers() []tamper {
	file := func(name, want string, path func(r *repo) string, do func(dir, path string)) tamper {
		return tamper{name: "master: " + name, want: []string{want},
			do: func(_ *testing.T, r *repo, _ *verify.Config) { do(r.master(), path(r)) }}
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
		file("longer list", "master-damaged@crl/sub.crl", blob("crl/sub.crl"),
			func(d, p string) { write(d, p, append(read(d, p), 0)) }),
		file("flipped byte in an entry", "log-tree-damaged", at("log/tile/entries/000.p/2"), flip),
		file("flipped byte in a tile", "log-tree-damaged", at("log/tile/0/000.p/2"), flip),
		file("missing entries", "log-tree-damaged", at("log/tile/entries/000.p/2"), remove),
		file("no checkpoint", "log-no-log", at("log/checkpoint"),
			func(d, _ string) { check(os.RemoveAll(filepath.Join(d, "log"))) }),
		file("checkpoint lost its signature", "log-checkpoint-key", at("log/checkpoint"), func(d, p string) {
			b := read(d, p)
			b[len(b)-8] ^= 1
			write(d, p, b)
		}),
		file("missing manifest", "log-manifest-missing", func(r *repo) string {
			return must(filepath.Rel(r.master(), matches(r.master(), "manifests/*")[0]))
		}, remove),
		file("flipped byte in a manifest", "log-manifest-damaged", func(r *repo) string {
			return must(filepath.Rel(r.master(), matches(r.master(), "manifests/*")[0]))
		}, flip),
		{name: "master: another log's keys", want: []string{"log-checkpoint-key"},
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Verifier = must(ledger.NewVerifier(origin, must(ledger.VKey(origin, newKey().Public()))))
			}},
		{name: "master: list tier finds what is missing",
			want: []string{"master-missing@docs/cps-1.0.pdf", "copy-missing@crl/sub.crl",
				"copy-different@cert/sub.cer"}, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Tier = report.TierList
				check(os.Remove(filepath.Join(r.master(), blob("docs/cps-1.0.pdf")(r))))
				check(os.Remove(filepath.Join(r.public(), "crl/sub.crl")))
				write(r.public(), "cert/sub.cer", []byte("short"))
			}},
		{name: "master: list tier finds a wrong length", want: []string{"master-damaged@cert/sub.cer"}, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Tier = report.TierList
				write(r.master(), blob("cert/sub.cer")(r), []byte("short"))
			}},
		{name: "master: log tier finds a damaged tree", want: []string{"log-tree-damaged"},
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Tier = report.TierLog
				flip(r.master(), "log/tile/0/000.p/2")
			}},
	}
}

// publicationTampers are about the record of the publishing host.
func publicationTampers() []tamper {
	with := func(name string, want []string, digest func(r *repo) artifact.Digest, damage func(dir string)) tamper {
		return tamper{name: "publication log: " + name, want: want, passes: len(want) == 0,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				r.sent(w, "public")
				d := digest(r)
				check(w.Append(t.Context(), &ledger.Entry{Publish: &ledger.Publish{Target: "public", MasterSize: 2,
					MasterRoot: r.writer.Log().Root(), Receipts: []ledger.Receipt{
						{Op: "put", Name: "crl/sub.crl", Kind: artifact.CRL, Digest: d, Size: 1, ETag: "x",
							Time: r.now}}}}))
				check(w.Append(t.Context(), &ledger.Entry{Refusal: &ledger.Refusal{Target: "public", Name: "x",
					Kind: artifact.PrivateKey, Digest: d, Rule: "private-key", Reason: "a key"}}))
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
				if damage != nil {
					damage(c.Publication)
				}
			}}
	}
	known := func(r *repo) artifact.Digest { return artifact.Sum(r.files["crl/sub.crl"]) }
	return []tamper{
		with("clean", nil, known, nil),
		with("receipt for what no master has", []string{"receipt-unknown@crl/sub.crl"},
			func(*repo) artifact.Digest { return artifact.Sum(nil) }, nil),
		with("flipped byte", []string{"log-tree-damaged"}, known,
			func(dir string) { flip(dir, "log/tile/entries/000.p/3") }),
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
	accept := func(r *repo) {
		e := &ledger.Evidence{Kind: ledger.EvidenceClock, Name: "20261121T070000Z", Note: "NTP was wrong"}
		check(r.writer.Append(context.Background(), &ledger.Entry{Evidence: e}))
	}
	revoked := map[int64]time.Time{103: start.Add(-time.Hour), 105: start.Add(23 * time.Hour)}
	return []tamper{
		room("good for a revoked serial",
			[]string{"coherence-good-but-revoked@serial 69", "memory-answer@ocsp/sub.generation#serial 69"},
			func(r *repo) {
				r.respond = func(s int64, h crypto.Hash, der []byte) []byte {
					if s == 105 {
						return respond(r.sub, r.delegate, h, s, time.Time{}, r.now, r.now.Add(72*time.Hour))
					}
					return der
				}
				r.run()
			}),
		room("unknown for a revoked serial",
			[]string{"coherence-good-but-revoked@serial 69#unknown", "memory-answer@ocsp/sub.generation#says unknown"},
			func(r *repo) {
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
					return respondWith(r, h,
						ocsp.Response{SerialNumber: big.NewInt(s),
							ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: pkcs8(r)}}})
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
		room("two lists of one issuer disagree",
			[]string{"coherence-lists@crl/root-arl.crl", "coherence-date@serial 02"}, func(r *repo) {
				r.revokeSub(r.now.Add(-time.Minute), r.now.Add(-time.Hour))
			}),
		room("another date", []string{"coherence-date@serial 69", "memory-changed@crl/sub.crl#serial 69"},
			func(r *repo) {
				r.subList = func(l *list) {
					l.revoked = map[int64]time.Time{103: revoked[103],
						105: revoked[105].Add(time.Second)}
				}
				r.run()
			}),
		room("another reason", []string{"coherence-reason", "memory-changed@crl/sub.crl#serial 67, 69"}, func(r *repo) {
			r.subList = func(l *list) { l.reason = 4 }
			r.run()
		}),
		room("listed without an answer", []string{"coherence-no-answer@crl/sub.crl"}, func(r *repo) {
			r.revoked[400] = r.now
			r.run()
		}),
		room("answer about another CA's certificate with the same serial", []string{"ocsp-certid@ocsp/bundles/"},
			func(r *repo) {
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
		room("bundle that the ledger does not know",
			[]string{"generation-bundle@ocsp/sub.generation", "coherence-no-answer"}, func(r *repo) {
				changeGeneration(r, func(g *ocspcache.Generation) { g.Bundles[0].Digest = artifact.Sum([]byte("x")) })
			}),
		room("wrong count in a generation", []string{"generation-bundle@ocsp/sub.generation", "coherence-no-answer"},
			func(r *repo) {
				changeGeneration(r, func(g *ocspcache.Generation) { g.Bundles[0].Count++ })
			}),
		room("generation number goes back", []string{"generation-number@ocsp/sub.generation"}, func(r *repo) {
			changeGeneration(r, func(g *ocspcache.Generation) { g.Number = 1 })
		}),
		{name: "room: damaged generation",
			want: []string{"generation-damaged@ocsp/sub.generation", "copy-different@ocsp/sub.generation"},
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.line = func(l *ledger.Line) { l.Name, l.Kind = "ocsp/sub.generation", artifact.OCSPGeneration }
				r.put("x", artifact.IndexPage, []byte(artifact.GenerationMagic+"issuer\n"))
				r.commit()
				write(r.public(), "ocsp/sub.generation", []byte(artifact.GenerationMagic+"issuer\n"))
			}},
		room("damaged bundle", []string{"bundle-damaged@ocsp/bundles/"}, damagedBundle),
		room("list number goes back", []string{"crl-number-backwards@crl/sub.crl"},
			again(list{number: 1, this: start.Add(25 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked,
				reason: 1})),
		room("list number used twice", []string{"crl-number-reused@crl/sub.crl"},
			again(list{number: 2, this: start.Add(25 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked,
				reason: 1})),
		room("list date goes back", []string{"crl-time-backwards@crl/sub.crl"},
			again(list{number: 3, this: start.Add(23*time.Hour + 30*time.Minute), next: start.Add(90 * time.Hour),
				revoked: revoked, reason: 1})),
		room("list date goes back, and the clock was accepted before it went ahead",
			[]string{"crl-time-backwards@crl/sub.crl#entry 4 after entry 3"}, func(r *repo) {
				accept(r)
				again(list{number: 3, this: start.Add(25 * time.Hour), next: start.Add(90 * time.Hour),
					revoked: revoked,
					reason:  1})(r)
				again(list{number: 4, this: start.Add(24*time.Hour + 30*time.Minute), next: start.Add(90 * time.Hour),
					revoked: revoked, reason: 1})(r)
			}),
		room("list date goes back behind the time at which the clock was accepted",
			[]string{"crl-time-backwards@crl/sub.crl#entry 4 after entry 2"}, func(r *repo) {
				again(list{number: 3, this: start.Add(25*time.Hour + 4*time.Minute), next: start.Add(90 * time.Hour),
					revoked: revoked, reason: 1})(r)
				accept(r)
				again(list{number: 4, this: start.Add(24*time.Hour + 30*time.Minute), next: start.Add(90 * time.Hour),
					revoked: revoked, reason: 1})(r)
			}),
		room("list date goes back to when the clock was accepted",
			[]string{"crl-time-backwards@crl/sub.crl#entry 3 records that the clock before was wrong"}, func(r *repo) {
				again(list{number: 3, this: start.Add(25*time.Hour + 4*time.Minute), next: start.Add(90 * time.Hour),
					revoked: revoked, reason: 1})(r)
				accept(r)
				again(list{number: 4, this: r.now, next: start.Add(90 * time.Hour), revoked: revoked, reason: 1})(r)
			}).passing(),
		room("revocation after its list", []string{"section-a@crl/sub.crl", "coherence-good-but-revoked"},
			again(list{number: 3, this: start.Add(24 * time.Hour), next: start.Add(90 * time.Hour), reason: 1,
				revoked: map[int64]time.Time{103: revoked[103], 105: revoked[105], 106: start.Add(30 * time.Hour)}})),
		room("list dated in the future", []string{"not-yet-valid@crl/sub.crl"},
			again(list{number: 3, this: start.Add(30 * time.Hour), next: start.Add(90 * time.Hour), revoked: revoked,
				reason: 1})),
		room("list that is stale already", []string{"crl-stale@crl/sub.crl"},
			again(list{number: 3, this: start.Add(24 * time.Hour), next: start.Add(24*time.Hour + time.Minute),
				revoked: revoked, reason: 1})),
		room("list by a stranger in the ledger", []string{"section-a@crl/other.crl"}, func(r *repo) {
			r.put("crl/other.crl", artifact.CRL,
				newCert("Other", 9, nil, asCA).list(list{number: 1, this: r.now, next: r.now.Add(time.Hour)}))
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
		{name: "room: gap between two lists", want: []string{"crl-gap@crl/sub.crl"}, passes: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.now = r.now.Add(100 * time.Hour)
				r.run()
				r.publish(r.public())
			}},
		{name: "room: stopped", want: []string{"crl-stale@crl/sub.crl", "ocsp-stale@ocsp/sub.generation",
			"ocsp-stale@serial"}, do: func(_ *testing.T, r *repo, _ *verify.Config) {
			r.now = r.now.Add(73 * time.Hour)
		}},
		{name: "room: list older than allowed", want: []string{"crl-too-old@crl/sub.crl"},
			do: func(_ *testing.T, r *repo, c *verify.Config) { c.CRLAge = time.Minute }},
		{name: "room: expired certificate", want: []string{"certificate-expired@cert/sub.cer"},
			do: func(_ *testing.T, r *repo, _ *verify.Config) { r.now = r.now.AddDate(11, 0, 0) }},
	}
}

// respondWith makes a response with everything but the times as given.
func respondWith(r *repo, h crypto.Hash, resp ocsp.Response) []byte {
	resp.ThisUpdate, resp.NextUpdate, resp.IssuerHash, resp.Certificate = r.now, r.now.Add(72*time.Hour), h,
		r.delegate.cert
	return produced(r.now, r.sub, r.delegate, resp)
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
		g.Bundles[0] = ocspcache.GenerationBundle{Shard: 0, Digest: d, Size: sum.Size, Count: sum.Count,
			NextUpdate: sum.MinNextUpdate}
	})
}

func bundleKey(c *ca, serial int64) ocspcache.Key {
	return ocspcache.Key{Hash: crypto.SHA1, IssuerKeyHash: artifact.PublicKeyHash(c.cert, crypto.SHA1),
		Serial: serialOctets(serial)}
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
			check(w.Add(bundleKey(r.sub, s),
				respond(r.sub, r.delegate, crypto.SHA1, s, r.revoked[s], r.now, r.now.Add(72*time.Hour))))
		}
	}
}

func foreignGroup(r *repo) {
	s := inShard(r, 0)
	bundleOf(r, nil, func(w *ocspcache.BundleWriter) {
		sub0(r, w)
		check(w.Add(bundleKey(r.root, s),
			respond(r.root, r.root, crypto.SHA1, s, time.Time{}, r.now, r.now.Add(72*time.Hour))))
	})
}

func swapShards(r *repo) {
	s := inShard(r, 1)
	bundleOf(r, nil, func(w *ocspcache.BundleWriter) {
		sub0(r, w)
		check(w.Add(bundleKey(r.sub, s),
			respond(r.sub, r.delegate, crypto.SHA1, s, time.Time{}, r.now, r.now.Add(72*time.Hour))))
	})
}

func damagedBundle(r *repo) {
	bundleOf(r, func(b []byte) { b[256+144] ^= 1 }, func(w *ocspcache.BundleWriter) { sub0(r, w) })
}
