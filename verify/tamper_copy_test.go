package verify_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/verify"
)

// on makes a case that changes the public copy only.
func on(name string, want string, do func(r *repo, dir string)) tamper {
	return tamper{name: name, want: []string{want}, only: true,
		do: func(_ *testing.T, r *repo, _ *verify.Config) { do(r, r.public()) }}
}

// before returns the content that a name had in the first run.
func before(r *repo, name string) []byte {
	ctx := context.Background()
	log := r.writer.Log()
	line, ok := must(log.Replay(ctx, 1)).Get(name)
	if !ok {
		panic(name + " was not in the first run")
	}
	return must(log.ReadBlob(ctx, line))
}

func bundleNames(dir string) []string {
	return matches(dir, "ocsp/bundles/*")
}

func publicTampers() []tamper {
	remove := func(dir, name string) { check(os.Remove(filepath.Join(dir, name))) }
	return []tamper{
		on("flipped byte in a list", "copy-different@crl/sub.crl", func(_ *repo, d string) { flip(d, "crl/sub.crl") }),
		on("flipped byte in a certificate", "copy-different@cert/sub.cer",
			func(_ *repo, d string) { flip(d, "cert/sub.cer") }),
		on("flipped byte in a document", "copy-different@docs/cps",
			func(_ *repo, d string) { flip(d, "docs/cps-1.0.pdf") }),
		on("flipped byte in a document's signature", "copy-different@.p7s",
			func(_ *repo, d string) { flip(d, "docs/cps-1.0.pdf.p7s") }),
		on("flipped byte in the index page", "copy-different@index.html",
			func(_ *repo, d string) { flip(d, "index.html") }),
		on("flipped byte in a bundle", "copy-different@ocsp/bundles/", func(_ *repo, d string) {
			name := must(filepath.Rel(d, bundleNames(d)[0]))
			flip(d, filepath.ToSlash(name))
		}),
		on("flipped byte in a manifest", "copy-different@log/manifests/", func(_ *repo, d string) {
			name := must(filepath.Rel(d, matches(d, "log/manifests/*")[0]))
			flip(d, filepath.ToSlash(name))
		}),
		on("flipped byte in an entry bundle", "copy-different@log/tile/entries/",
			func(_ *repo, d string) { flip(d, "log/tile/entries/000.p/2") }),
		on("flipped byte in a hash tile", "copy-different@log/tile/0/",
			func(_ *repo, d string) { flip(d, "log/tile/0/000.p/2") }),
		on("missing list", "copy-missing@crl/sub.crl", func(_ *repo, d string) { remove(d, "crl/sub.crl") }),
		on("missing certificate", "copy-missing@cert/root.cer", func(_ *repo, d string) { remove(d, "cert/root.cer") }),
		on("missing generation", "copy-missing@ocsp/sub.generation",
			func(_ *repo, d string) { remove(d, "ocsp/sub.generation") }),
		on("missing bundle", "copy-missing@ocsp/bundles/",
			func(_ *repo, d string) { check(os.Remove(bundleNames(d)[0])) }),
		on("missing tile", "copy-missing@log/tile/0/", func(_ *repo, d string) { remove(d, "log/tile/0/000.p/2") }),
		on("directory in place of a list", "copy-missing@crl/sub.crl", func(_ *repo, d string) {
			remove(d, "crl/sub.crl")
			check(os.Mkdir(filepath.Join(d, "crl/sub.crl"), 0o755))
		}),
		on("empty list", "copy-different@crl/sub.crl", func(_ *repo, d string) { write(d, "crl/sub.crl", nil) }),
		on("truncated list", "copy-different@crl/sub.crl",
			func(r *repo, d string) { write(d, "crl/sub.crl", r.files["crl/sub.crl"][:100]) }),
		on("trailing byte", "copy-different@crl/sub.crl",
			func(r *repo, d string) { write(d, "crl/sub.crl", append(bytes.Clone(r.files["crl/sub.crl"]), '\n')) }),
		on("PEM in place of DER", "copy-different@crl/sub.crl", func(r *repo, d string) {
			write(d, "crl/sub.crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: r.files["crl/sub.crl"]}))
		}),
		on("older list, validly signed", "copy-outdated@crl/sub.crl",
			func(r *repo, d string) { write(d, "crl/sub.crl", before(r, "crl/sub.crl")) }),
		on("older generation with its own proof", "copy-outdated@ocsp/sub.generation", func(r *repo, d string) {
			ctx := context.Background()
			log := r.writer.Log()
			body := before(r, "ocsp/sub.generation")
			line, _ := must(log.Replay(ctx, 1)).Get("ocsp/sub.generation")
			g, _, err := ocspcache.ParseGeneration(body)
			check(err)
			write(d, "ocsp/sub.generation", g.Public(must(log.ProveLine(ctx, 0, line))))
		}),
		{name: "content swapped between two names",
			want: []string{"copy-swapped@cert/root.cer", "copy-swapped@cert/sub.cer"}, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				write(r.public(), "cert/root.cer", r.files["cert/sub.cer"])
				write(r.public(), "cert/sub.cer", r.files["cert/root.cer"])
			}},
		on("list by a CA of the same name", "copy-different@crl/sub.crl", func(r *repo, d string) {
			namesake := newCert("Test CA", 9, nil, asCA)
			write(d, "crl/sub.crl", namesake.list(list{number: 99, this: r.now, next: r.now.Add(72 * time.Hour)}))
		}),
		on("list by the CA itself that is not in the ledger", "copy-different@crl/sub.crl", func(r *repo, d string) {
			write(d, "crl/sub.crl", r.sub.list(list{number: 99, this: r.now, next: r.now.Add(72 * time.Hour)}))
		}),
		on("flipped byte in a generation", "copy-different@ocsp/sub.generation", func(r *repo, d string) {
			write(d, "ocsp/sub.generation",
				bytes.Replace(read(d, "ocsp/sub.generation"), []byte("number 2"), []byte("number 3"), 1))
		}),
		on("generation without proof", "generation-proof@ocsp/sub.generation",
			func(r *repo, d string) { write(d, "ocsp/sub.generation", r.files["ocsp/sub.generation"]) }),
		on("generation with the proof of another", "generation-proof@ocsp/sub.generation", func(r *repo, d string) {
			g, _, err := ocspcache.ParseGeneration(r.files["ocsp/sub.generation"])
			check(err)
			write(d, "ocsp/sub.generation",
				g.Public(must(r.writer.Log().Prove(context.Background(), "ocsp/root.generation"))))
		}),
		{name: "generation with the proof of another name that has the same bytes",
			want: []string{"generation-proof@ocsp/sub.generation#another line, ocsp/twin.generation"},
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				r.put("ocsp/twin.generation", artifact.OCSPGeneration, r.files["ocsp/sub.generation"])
				r.commit()
				r.publish(r.public())
				g, _, err := ocspcache.ParseGeneration(r.files["ocsp/sub.generation"])
				check(err)
				write(r.public(), "ocsp/sub.generation",
					g.Public(must(r.writer.Log().Prove(context.Background(), "ocsp/twin.generation"))))
			}},
		on("key in place of a certificate", "private-key@cert/sub.cer",
			func(r *repo, d string) { write(d, "cert/sub.cer", pkcs8(r)) }),
		on("key behind a list", "private-key@crl/sub.crl", func(r *repo, d string) {
			write(d, "crl/sub.crl", append(bytes.Clone(r.files["crl/sub.crl"]), pkcs8(r)...))
		}),
	}
}

func pkcs8(r *repo) []byte { return must(x509.MarshalPKCS8PrivateKey(r.sub.key)) }

func keyPEM(r *repo) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(r)})
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	_ = must(must(z.Create("readme.txt")).Write(b))
	check(z.Close())
	return out.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_ = must(z.Write(b))
	check(z.Close())
	return out.Bytes()
}

func attached(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_ = must(z.Write(b))
	check(z.Close())
	return fmt.Appendf(nil,
		"%%PDF-1.7\n1 0 obj <</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream "+
			"endobj\n%%%%EOF\n", out.Len(), out.Bytes())
}

// extra adds an object under a name and wants code and rule.
func extra(name, as, code, rule string, content func(r *repo) []byte) tamper {
	c := on(name, code+"@"+as, func(r *repo, d string) { write(d, as, content(r)) })
	inner := c.do
	c.do = func(t *testing.T, r *repo, conf *verify.Config) {
		inner(t, r, conf)
		report := must(verify.Check(t.Context(), *conf))
		for _, f := range report.Findings {
			if f.Name == as && f.Rule != rule {
				t.Errorf("%s broke rule %q, want %q: %s", as, f.Rule, rule, f.Detail)
			}
		}
	}
	return c
}

func extraTampers() []tamper {
	text := func(s string) func(*repo) []byte { return func(*repo) []byte { return []byte(s) } }
	return []tamper{
		extra("key as a picture", "logo.png", "private-key", "private-key", pkcs8),
		extra("PEM bundle with a key at its end", "chain.pem", "private-key", "private-key", func(r *repo) []byte {
			return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.sub.cert.Raw}), keyPEM(r)...)
		}),
		extra("zip with a key", "docs/forms.zip", "private-key", "private-key",
			func(r *repo) []byte { return zipped(keyPEM(r)) }),
		extra("gzip with a key", "backup", "private-key", "private-key",
			func(r *repo) []byte { return gzipped(pkcs8(r)) }),
		extra("PDF with an attached key", "docs/notice.pdf", "private-key", "private-key",
			func(r *repo) []byte { return attached(keyPEM(r)) }),
		extra("key in base64 in a text", "robots.txt", "private-key", "private-key",
			func(r *repo) []byte { return []byte(base64.StdEncoding.EncodeToString(pkcs8(r))) }),
		extra("key in a temporary file", ".tmp/x", "private-key", "private-key", pkcs8),
		extra("log file", "crl/access.log", "copy-extra", "log", text(`{"level":"info","msg":"signed"}`+"\n")),
		extra("index of the master", "log/index.db", "copy-extra", "ledger-master", text("SQLite format 3\x00....")),
		extra("entry of the master log", "log/entry.json", "copy-extra", "ledger-master",
			text(`{"time":"2026-11-24T06:00:00Z","type":"batch","v":1}`)),
		extra("certificate request", "req.der", "copy-extra", "registration-data", func(r *repo) []byte {
			return must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, r.sub.key))
		}),
		extra("certificate database", "index.txt", "copy-extra", "registration-data",
			text("V\t361121060000Z\t\t1267\tunknown\t/C=JP/CN=Taro\n")),
		extra("subscriber certificate", "cert/taro.cer", "copy-extra", "subscriber-consent", func(r *repo) []byte {
			return newCert("Taro", 100, r.sub, func(*x509.Certificate) {}).cert.Raw
		}),
		extra("list of a stranger", "crl/other.crl", "copy-extra", "crl-signature", func(r *repo) []byte {
			return newCert("Other", 9, nil, asCA).list(list{number: 1, this: r.now, next: r.now.Add(time.Hour)})
		}),
		extra("list of the CA that the ledger does not know", "crl/other.crl", "copy-extra", "not-in-ledger",
			func(r *repo) []byte {
				return r.sub.list(list{number: 9, this: r.now, next: r.now.Add(time.Hour)})
			}),
		extra("program", "bin/responder", "copy-extra", "signing-logic", text("\x7fELF\x02\x01\x01\x00\x00")),
		extra("text", "notes.txt", "copy-extra", "unrecognised", text("call the auditor")),
		extra("hidden text", "docs/.htaccess", "copy-extra", "unrecognised", text("Options +Indexes")),
		extra("copy of a certificate under another name", "cert/old.cer", "copy-extra", "not-in-ledger",
			func(r *repo) []byte { return r.files["cert/sub.cer"] }),
		extra("forged earlier tile", "log/tile/0/000.p/1", "copy-extra", "unrecognised",
			text(string(bytes.Repeat([]byte{0xff}, 32)))),
		on("symbolic link out of the copy", "copy-extra@etc",
			func(_ *repo, d string) { check(os.Symlink("/etc/passwd", filepath.Join(d, "etc"))) }),
		{name: "earlier partial tiles are ours", passes: true, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				ctx := context.Background()
				raw := must(r.writer.Log().Raw(ctx, 0))
				write(r.public(), "log/tile/entries/000.p/1",
					append([]byte{byte(len(raw) >> 8), byte(len(raw))}, raw...))
				write(r.public(), "log/tile/0/000.p/1", read(r.public(), "log/tile/0/000.p/2")[:32])
			}},
		{name: "withdrawn name is still public", want: []string{"copy-withdrawn@cert/sub-ocsp.cer"}, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				line, _ := must(r.writer.Log().Replay(context.Background(),
					r.writer.Log().Size())).Get("cert/sub-ocsp.cer")
				check(r.writer.Append(context.Background(),
					&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: line.Name,
						Digest: line.Digest, Reason: "replaced"}}}}))
				r.commit()
				r.publish(r.public())
			}},
		{name: "withdrawn bundle is still public", want: []string{"copy-superseded"}, passes: true, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				ctx := context.Background()
				before := must(r.writer.Log().Replay(ctx, r.writer.Log().Size()))
				r.now = r.now.Add(time.Hour)
				r.run()
				w := &ledger.Withdraw{}
				for line := range before.All() {
					if line.Kind == artifact.OCSPBundle {
						w.Names = append(w.Names,
							ledger.WithdrawnName{Name: line.Name, Digest: line.Digest,
								Reason: "superseded and expired"})
					}
				}
				check(r.writer.Append(ctx, &ledger.Entry{Withdraw: w}))
				r.commit()
				r.publish(r.public())
			}},
	}
}

func checkpointTampers() []tamper {
	return []tamper{
		on("no checkpoint", "checkpoint-missing@log/checkpoint",
			func(_ *repo, d string) { check(os.Remove(filepath.Join(d, "log/checkpoint"))) }),
		on("checkpoint with a damaged signature", "checkpoint-invalid", func(_ *repo, d string) {
			b := read(d, "log/checkpoint")
			b[len(b)-8] ^= 1
			write(d, "log/checkpoint", b)
		}),
		on("checkpoint without one of the two signatures", "checkpoint-invalid", func(_ *repo, d string) {
			b := read(d, "log/checkpoint")
			i := bytes.LastIndex(b[:len(b)-1], []byte("\n"))
			write(d, "log/checkpoint", b[:i+1])
		}),
		on("garbage in place of the checkpoint", "checkpoint-invalid",
			func(_ *repo, d string) { write(d, "log/checkpoint", []byte("hello\n")) }),
		on("checkpoint signed by a thief's own key", "checkpoint-invalid", func(r *repo, d string) {
			w := must(ledger.Create(context.Background(), filepath.Join(r.dir, "thief"),
				ledger.WriterConfig{Origin: origin, Now: r.clock,
					Signers: []note.Signer{must(ledger.NewNoteSigner(origin, newKey()))}}))
			defer w.Close()
			write(d, "log/checkpoint", must(w.Commit(context.Background())))
		}),
		on("checkpoint of a forked log", "checkpoint-fork",
			func(r *repo, d string) { write(d, "log/checkpoint", fork(r, 2)) }),
		on("checkpoint of an older tree", "checkpoint-behind", func(r *repo, d string) {
			rollback(r, d)
		}),
		{name: "older copy with its own older checkpoint", want: []string{"checkpoint-rollback", "checkpoint-behind"},
			only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Known = [][]byte{r.writer.Log().Checkpoint()}
				rollback(r, r.public())
			}},
		{name: "sync under way: a newer list before the checkpoint",
			want: []string{"copy-ahead@crl/sub.crl", "checkpoint-behind"}, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				r.run()
				write(r.public(), "crl/sub.crl", r.files["crl/sub.crl"])
			}},
		{name: "object of a sync under way", want: []string{"copy-ahead@cert/new.cer", "checkpoint-behind"}, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				r.put("cert/new.cer", artifact.CACertificate, r.sub.cert.Raw)
				r.commit()
				write(r.public(), "cert/new.cer", r.sub.cert.Raw)
			}},
		{name: "master rolled back behind the copy", want: []string{"checkpoint-ahead"},
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Master = rolledBackMaster(r)
			}},
		{name: "truncated log with a matching old copy", want: []string{"log-rollback"},
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Known = [][]byte{r.writer.Log().Checkpoint()}
				c.Master = rolledBackMaster(r)
				rollback(r, r.public())
			}},
		{name: "forked log", want: []string{"log-fork"},
			do: func(_ *testing.T, r *repo, c *verify.Config) { c.Known = [][]byte{fork(r, 1)} }},
		{name: "keys of the log rotated", passes: true, only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
			ctx := context.Background()
			next := []note.Signer{must(ledger.NewNoteSigner(origin, newKey())),
				must(ledger.NewNoteSigner(origin, newKey()))}
			c.Known = [][]byte{r.writer.Log().Checkpoint()}
			old := read(r.public(), "ocsp/root.generation")
			_ = must(r.writer.RotateKeys(ctx, next, "planned"))
			check(r.writer.Append(ctx,
				&ledger.Entry{Evidence: &ledger.Evidence{Kind: "ceremony", Name: "record", Digest: artifact.Sum(nil)}}))
			_ = must(r.writer.Commit(ctx))
			r.publish(r.public())
			write(r.public(), "ocsp/root.generation", old) // its proof is of before the rotation
		}},
		{name: "known checkpoint that is consistent", passes: true, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Known = [][]byte{must(r.writer.Log().ArchivedCheckpoint(context.Background(), 1)),
					r.writer.Log().Checkpoint()}
			}},
	}
}

// fork makes a signed checkpoint of another tree with the right keys.
func fork(r *repo, size int) []byte {
	ctx := context.Background()
	w := must(ledger.Create(ctx, filepath.Join(r.dir, "fork"),
		ledger.WriterConfig{Origin: origin, Signers: r.signers(), Now: r.clock}))
	defer w.Close()
	for range size {
		check(w.Append(ctx,
			&ledger.Entry{Evidence: &ledger.Evidence{Kind: "risk-review", Name: "review", Digest: artifact.Sum(nil)}}))
	}
	return must(w.Commit(ctx))
}

// rollback makes dir the copy that it was after the first run.
func rollback(r *repo, dir string) {
	ctx := context.Background()
	for _, e := range must(os.ReadDir(dir)) { // the source may hold dir open
		check(os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	log := must(ledger.Open(ctx, rolledBackMaster(r), r.verifier))
	for line := range must(log.Replay(ctx, log.Size())).All() {
		b := must(log.ReadBlob(ctx, line))
		if line.Kind == artifact.OCSPGeneration {
			g, _, err := ocspcache.ParseGeneration(b)
			check(err)
			b = g.Public(must(log.Prove(ctx, line.Name)))
		}
		write(dir, line.Name, b)
	}
	for f, err := range log.PublicFiles(ctx, 0, log.Size()) {
		check(err)
		write(dir, f.Name, must(f.Bytes()))
	}
	write(dir, "log/checkpoint", log.Checkpoint())
}

// rolledBackMaster is the master as it was after the first run, validly signed.
func rolledBackMaster(r *repo) string {
	dir := filepath.Join(r.dir, "rolled-back")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	copyTree(r.master(), dir)
	log := r.writer.Log()
	write(dir, "log/checkpoint", must(log.ArchivedCheckpoint(context.Background(), 1)))
	raw := must(log.Raw(context.Background(), 0))
	write(dir, "log/tile/entries/000.p/1", append([]byte{byte(len(raw) >> 8), byte(len(raw))}, raw...))
	write(dir, "log/tile/0/000.p/1", read(dir, "log/tile/0/000.p/2")[:32])
	for _, name := range []string{"log/tile/entries/000.p/2", "log/tile/0/000.p/2", "log/checkpoints/2", "index.db"} {
		_ = os.Remove(filepath.Join(dir, name)) // the index is only there once somebody made it
	}
	return dir
}

func objectTampers() []tamper {
	name := func(r *repo, serial int64) string {
		return ocspcache.ObjectName(ocspcache.Key{Hash: crypto.SHA1,
			IssuerKeyHash: artifact.PublicKeyHash(r.sub.cert, crypto.SHA1), Serial: serialOctets(serial)})
	}
	object := func(title, want string, do func(r *repo, dir string)) tamper {
		c := tamper{name: "objects: " + title, only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
			r.publishObjects(r.public())
			if do != nil {
				do(r, r.public())
			}
		}}
		if want == "" {
			c.passes = true
		} else {
			c.want = []string{want}
		}
		return c
	}
	return []tamper{
		object("clean", "", nil),
		object("missing response", "copy-missing@ocsp/s1/",
			func(r *repo, d string) { check(os.Remove(filepath.Join(d, name(r, 104)))) }),
		object("flipped byte", "copy-different@ocsp/s1/", func(r *repo, d string) { flip(d, name(r, 104)) }),
		object("key in place of a response", "private-key@ocsp/s1/",
			func(r *repo, d string) { write(d, name(r, 104), pkcs8(r)) }),
		object("good in place of revoked", "copy-outdated@ocsp/s1/", func(r *repo, d string) {
			write(d,
				name(r, 105), respond(r.sub, r.delegate, crypto.SHA1, 105, time.Time{}, start, start.Add(72*time.Hour)))
		}),
		object("another response of the same time", "copy-different@ocsp/s1/", func(r *repo, d string) {
			write(d,
				name(r, 105), respond(r.sub, r.delegate, crypto.SHA1, 105, time.Time{}, r.now, r.now.Add(72*time.Hour)))
		}),
		object("response of another serial", "copy-different@ocsp/s1/",
			func(r *repo, d string) { write(d, name(r, 105), read(d, name(r, 104))) }),
		object("response nobody promised", "copy-extra@ocsp/s1/", func(r *repo, d string) {
			write(d,
				name(r, 500), respond(r.sub, r.delegate, crypto.SHA1, 500, time.Time{}, r.now, r.now.Add(72*time.Hour)))
		}),
		object("response of an expired certificate", "", func(r *repo, d string) {
			write(d, name(r, 500), respond(r.sub, r.delegate, crypto.SHA1, 500, time.Time{}, start.Add(-12*time.Hour),
				start.Add(-time.Hour)))
		}),
	}
}
