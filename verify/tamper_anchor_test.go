package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ledger/timestamp"
	"seihon/ledger/timestamp/timestamptest"
	"seihon/ledger/witness"
	"seihon/verify"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// A cosigner is a witness with its key.
type cosigner struct {
	name string
	hash []byte
	key  ed25519.PrivateKey
}

func newCosigner(name string) *cosigner {
	pub, key := mustKey()
	sum := sha256.Sum256(append([]byte(name+"\n\x04"), pub...))
	return &cosigner{name, sum[:4], key}
}

func (w *cosigner) pinned() *witness.Key {
	raw := append([]byte{4}, w.key.Public().(ed25519.PublicKey)...)
	return must(witness.ParseKey(fmt.Sprintf("%s+%x+%s", w.name, w.hash, base64.StdEncoding.EncodeToString(raw))))
}

// sign makes the signature line over a checkpoint at a time (c2sp.org/tlog-cosignature).
func (w *cosigner) sign(checkpoint []byte, at time.Time) string {
	text, _, _ := cutNote(checkpoint)
	signed := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text)
	raw := append(append([]byte(nil), w.hash...), binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))...)
	raw = append(raw, ed25519.Sign(w.key, signed)...)
	return "— " + w.name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

func cutNote(b []byte) (text, signatures []byte, ok bool) {
	for i := range b {
		if i > 0 && b[i] == '\n' && b[i-1] == '\n' {
			return b[:i], b[i+1:], true
		}
	}
	return b, nil, false
}

// authority is one time-stamping authority for all cases.
var (
	authorityMu sync.Mutex
	authorityOf = map[*testing.T]*timestamptest.OpenSSL{}
)

func newAuthority(t *testing.T) (*timestamptest.OpenSSL, timestamp.Authority) {
	t.Helper()
	authorityMu.Lock()
	defer authorityMu.Unlock()
	o := authorityOf[t]
	if o == nil {
		o = timestamptest.New(t)
		authorityOf[t] = o
	}
	block, _ := pem.Decode(must(os.ReadFile(o.CA)))
	return o, timestamp.Authority{Name: "tsa", URL: o.URL,
		Anchors: []*x509.Certificate{must(x509.ParseCertificate(block.Bytes))}}
}

// anchorTampers are about what others say of the log. OpenSSL stamps with the clock of today, so the checks are made
// today, of the log alone.
func anchorTampers() []tamper {
	newest := func(r *repo) string {
		return filepath.Join(r.master(), fmt.Sprintf("log/checkpoints/%d", r.writer.Log().Size()))
	}
	on := func(name string, want []string, do func(t *testing.T, r *repo, c *verify.Config)) tamper {
		return tamper{name: "anchors: " + name, want: want, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Tier, c.Now = report.TierLog, time.Now
				do(t, r, c)
			}}
	}
	stamped := func(name string, want []string, do func(t *testing.T, r *repo, c *verify.Config, token []byte)) tamper {
		return on(name, want, func(t *testing.T, r *repo, c *verify.Config) {
			_, a := newAuthority(t)
			c.Timestamps = []timestamp.Authority{a}
			token, _, err := timestamp.Ask(t.Context(), a, r.writer.Log().Checkpoint(), timestamp.Config{})
			check(err)
			do(t, r, c, token)
		})
	}
	text := []byte("a time-stamp, believe me")
	witnessed := func(name string, want []string, do func(r *repo, c *verify.Config, one, two *cosigner)) tamper {
		return on("witnesses: "+name, want, func(_ *testing.T, r *repo, c *verify.Config) {
			one, two := newCosigner("one.example"), newCosigner("two.example")
			c.Witnesses = []*witness.Key{one.pinned(), two.pinned()}
			do(r, c, one, two)
		})
	}
	cosigned := func(r *repo, lines ...string) {
		signed := r.writer.Log().Checkpoint()
		for _, l := range lines {
			signed = append(signed, l...)
		}
		write(r.master(), "log/checkpoint", signed)
		check(os.WriteFile(newest(r), signed, 0o644))
	}
	return []tamper{
		on("a text for a time-stamp, no authority pinned", []string{"log-timestamp-invalid#1 of 1 files"},
			func(_ *testing.T, r *repo, _ *verify.Config) {
				check(os.WriteFile(newest(r)+".tsa.tsr", text, 0o644))
			}).passing(),
		stamped("good", nil, func(_ *testing.T, r *repo, _ *verify.Config, token []byte) {
			check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
		}).passing(),
		stamped("good, but no authority pinned", []string{"timestamp-unchecked#1 time-stamps"},
			func(_ *testing.T, r *repo, c *verify.Config, token []byte) {
				c.Timestamps = nil
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
			}).passing(),
		stamped("a text for a time-stamp", []string{"log-timestamp-invalid@.tsa.tsr", "timestamp-missing"},
			func(_ *testing.T, r *repo, _ *verify.Config, _ []byte) {
				check(os.WriteFile(newest(r)+".tsa.tsr", text, 0o644))
			}),
		stamped("none at all", []string{"timestamp-missing@log/checkpoints"},
			func(*testing.T, *repo, *verify.Config, []byte) {}),
		stamped("over another checkpoint", []string{"log-timestamp-invalid@log/checkpoints/1.tsa.tsr"},
			func(_ *testing.T, r *repo, _ *verify.Config, token []byte) {
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
				check(os.WriteFile(filepath.Join(r.master(), "log/checkpoints/1.tsa.tsr"), token, 0o644))
			}),
		stamped("over a checkpoint that is not there",
			[]string{"log-timestamp-invalid@log/checkpoints/77.tsa.tsr#no checkpoint", "timestamp-missing"},
			func(_ *testing.T, r *repo, _ *verify.Config, token []byte) {
				check(os.WriteFile(filepath.Join(r.master(), "log/checkpoints/77.tsa.tsr"), token, 0o644))
			}),
		stamped("of a stranger", []string{"log-timestamp-invalid", "timestamp-missing"},
			func(_ *testing.T, r *repo, c *verify.Config, token []byte) {
				c.Timestamps[0].Anchors = []*x509.Certificate{r.root.cert}
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
			}),
		stamped("under another policy", []string{"log-timestamp-invalid#policy", "timestamp-missing"},
			func(_ *testing.T, r *repo, c *verify.Config, token []byte) {
				c.Timestamps[0].Policies = []string{"1.2.3.4"}
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
			}),
		stamped("of the future", []string{"log-timestamp-invalid#of the future", "timestamp-missing"},
			func(_ *testing.T, r *repo, c *verify.Config, token []byte) {
				c.Now = r.clock
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
			}),
		stamped("older than what it stamps", []string{"log-timestamp-invalid#has an entry of", "timestamp-missing"},
			func(_ *testing.T, r *repo, c *verify.Config, _ []byte) {
				r.now = time.Now().Add(time.Hour).Truncate(time.Second)
				r.expiry("sub", "69", r.now)
				c.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
				token, _, err := timestamp.Ask(context.Background(), c.Timestamps[0], r.writer.Log().Checkpoint(),
					timestamp.Config{})
				check(err)
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
			}),
		stamped("one that the log records is gone", []string{"timestamp-missing@log entry 2"},
			func(_ *testing.T, r *repo, _ *verify.Config, token []byte) {
				check(os.WriteFile(newest(r)+".tsa.tsr", token, 0o644))
				r.enter(&ledger.Entry{Anchor: &ledger.Anchor{Kind: "rfc3161", Where: "tsa", Size: 1,
					Root: must(r.writer.Log().RootAt(1)), Digest: artifact.Sum(text)}})
			}),
		witnessed("all have cosigned", nil, func(r *repo, _ *verify.Config, one, two *cosigner) {
			cosigned(r, one.sign(r.writer.Log().Checkpoint(), r.now), two.sign(r.writer.Log().Checkpoint(), r.now))
		}).passing(),
		witnessed("one is missing", []string{"witness-quorum#1 of the 2"},
			func(r *repo, _ *verify.Config, one, _ *cosigner) {
				cosigned(r, one.sign(r.writer.Log().Checkpoint(), r.now))
			}),
		witnessed("one is enough", nil, func(r *repo, c *verify.Config, one, _ *cosigner) {
			c.Quorum = 1
			cosigned(r, one.sign(r.writer.Log().Checkpoint(), r.now))
		}).passing(),
		witnessed("a cosignature of the future", []string{"witness-quorum#of the future"},
			func(r *repo, c *verify.Config, one, two *cosigner) {
				cosigned(r, one.sign(r.writer.Log().Checkpoint(), time.Now().Add(time.Hour)),
					two.sign(r.writer.Log().Checkpoint(), r.now))
			}),
		witnessed("a cosignature of an earlier checkpoint", []string{"witness-quorum"},
			func(r *repo, _ *verify.Config, one, two *cosigner) {
				cosigned(r, one.sign(must(r.writer.Log().ArchivedCheckpoint(context.Background(), 1)), r.now),
					two.sign(r.writer.Log().Checkpoint(), r.now))
			}),
	}
}

// receiptTampers are about what the publishing host says it did.
func receiptTampers() []tamper {
	with := func(name string, want []string, do func(r *repo, w *ledger.Writer, c *verify.Config)) tamper {
		return tamper{name: "receipts: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				r.sent(w, "public")
				do(r, w, c)
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
			}}
	}
	again := func(r *repo) {
		r.another()
		r.publish(r.public())
	}
	noted := func(c tamper) tamper {
		c.passes = true
		return c
	}
	return []tamper{
		with("for everything", nil, func(r *repo, w *ledger.Writer, _ *verify.Config) {
			again(r)
			r.sent(w, "public")
		}),
		with("for nothing since", []string{"receipt-missing@crl/root-arl.crl#2 names"},
			func(r *repo, _ *ledger.Writer, _ *verify.Config) { again(r) }),
		with("of a place that is not in the configuration", []string{"target-dropped@second"},
			func(r *repo, w *ledger.Writer, c *verify.Config) {
				r.sent(w, "second")
				c.Targets = []uptime.Target{{Name: "public", Source: r.public()}}
			}),
		noted(with("of a place that was given up", []string{"target-retired@second"},
			func(r *repo, w *ledger.Writer, c *verify.Config) {
				r.sent(w, "second")
				reason := "moved"
				_, _, err := w.PutBlob(context.Background(), artifact.Log, strings.NewReader(reason))
				check(err)
				check(w.Append(context.Background(),
					&ledger.Entry{Evidence: &ledger.Evidence{Kind: ledger.EvidenceRetired, Name: "second",
						Digest: artifact.Sum([]byte(reason)), Size: int64(len(reason)), Note: reason}}))
				c.Targets = []uptime.Target{{Name: "public", Source: r.public()}}
			})),
		with("of a place that is in the configuration", nil, func(r *repo, w *ledger.Writer, c *verify.Config) {
			r.sent(w, "second")
			c.Targets = []uptime.Target{{Name: "public", Source: r.public()}, {Name: "second"}}
		}),
		with("of a stale bundle that is gone", []string{"copy-missing@ocsp/bundles/"},
			func(r *repo, w *ledger.Writer, c *verify.Config) {
				r.lapse()
				r.sent(w, "public")
				c.Targets = []uptime.Target{{Name: "public", Source: r.public()}}
			}),
		with("of a stale bundle at another place alone", nil, func(r *repo, w *ledger.Writer, c *verify.Config) {
			r.lapse()
			r.sent(w, "public")
			c.Targets = []uptime.Target{{Name: "public"}, {Name: "new", Source: r.public()}}
		}),
		{name: "receipts: none, and a stale bundle is gone", want: []string{"copy-missing@ocsp/bundles/"}, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) { r.lapse() }},
		{name: "receipts: the log began in the place of another, and says so", want: []string{"publication-restarted"},
			only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				check(w.Append(t.Context(), &ledger.Entry{Anchor: &ledger.Anchor{
					Kind: ledger.AnchorPredecessor, Where: w.Log().Origin(), Note: "the disk was lost", Size: 7,
				}}))
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
			}},
		{name: "receipts: the log began again in silence", want: []string{"receipt-missing"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				check(w.Append(t.Context(), &ledger.Entry{Verify: &ledger.Verify{Target: "all", OK: true}}))
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
			}},
		{name: "receipts: the host's head is not of its log", want: []string{"log-rollback@known checkpoint"},
			only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				w := publicationLog(t, r)
				r.sent(w, "public")
				_ = must(w.Commit(t.Context()))
				c.Publication, c.PublicationVerifier = filepath.Join(r.dir, "publication"),
					must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
				copyTree(c.Publication, c.Publication+".early")
				r.sent(w, "public")
				c.PublicationHead = must(w.Commit(t.Context()))
				check(w.Close())
				c.Publication += ".early"
			}},
		{name: "receipts: the log was cut back and continued with the host's own key",
			want: []string{"log-fork@known checkpoint"}, only: true, do: func(t *testing.T, r *repo, c *verify.Config) {
				const name = "publication.example/log"
				dir := filepath.Join(r.dir, "publication")
				conf := ledger.WriterConfig{Origin: name,
					Signers: []note.Signer{must(ledger.NewNoteSigner(name, newKey()))}, Now: r.clock}
				goOn := func(w *ledger.Writer) []byte {
					r.now = r.now.Add(time.Minute)
					r.sent(w, "public")
					_ = must(w.Commit(t.Context()))
					c.PublicationVerifier = must(ledger.NewVerifier(name, w.Log().Keys()...))
					signed := w.Log().Checkpoint()
					check(w.Close())
					return signed
				}
				_ = goOn(must(ledger.Create(t.Context(), dir, conf)))
				copyTree(dir, dir+".early")
				c.PublicationKnown = [][]byte{goOn(must(ledger.OpenWriter(t.Context(), dir, conf)))}
				check(os.RemoveAll(dir))
				copyTree(dir+".early", dir)
				_ = goOn(must(ledger.OpenWriter(t.Context(), dir, conf)))
				c.Publication = dir
			}},
	}
}

// lapse goes on for some days and takes a bundle whose responses have all gone stale from the copy.
func (r *repo) lapse() {
	r.line = func(l *ledger.Line) {
		if l.Kind == artifact.OCSPBundle { // as the room writes it
			l.NotBefore, l.NotAfter = r.now, r.now.Add(72*time.Hour)
		}
	}
	for range 5 {
		r.another()
	}
	r.publish(r.public())
	log := r.writer.Log()
	for line := range must(log.Replay(context.Background(), log.Size())).All() {
		if line.Kind == artifact.OCSPBundle && artifact.Stale(line.NotAfter, r.now) {
			check(os.Remove(filepath.Join(r.public(), line.Name)))
			return
		}
	}
	panic("no bundle has gone stale")
}

// sent enters receipts of everything that is current, as a correct publisher does.
func (r *repo) sent(w *ledger.Writer, target string) {
	p := &ledger.Publish{Target: target, MasterSize: r.writer.Log().Size(), MasterRoot: r.writer.Log().Root()}
	for line := range must(r.writer.Log().Replay(context.Background(), r.writer.Log().Size())).All() {
		p.Receipts = append(p.Receipts, ledger.Receipt{Op: "put", Name: line.Name, Kind: line.Kind, Digest: line.Digest,
			Size: line.Size, ETag: "x", Time: r.now})
	}
	check(w.Append(context.Background(), &ledger.Entry{Publish: p}))
}
