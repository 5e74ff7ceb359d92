package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"maps"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
)

const overrideTime = "20060102T150405Z"

// without lets the room forget revocations from here on, as a restored inventory does: lists and responses alike.
func (r *repo) without(serials ...int64) {
	r.revoked = maps.Clone(r.revoked)
	for _, s := range serials {
		delete(r.revoked, s)
	}
}

// gone lets the room not know a certificate at all from here on.
func (r *repo) gone(serial int64) {
	r.without(serial)
	var kept []int64
	for _, s := range r.serials {
		if s != serial {
			kept = append(kept, s)
		}
	}
	r.serials = kept
}

// another makes the next run a day later.
func (r *repo) another() {
	r.now = r.now.Add(24 * time.Hour)
	r.run()
}

func (r *repo) enter(e *ledger.Entry) {
	check(r.writer.Append(context.Background(), e))
	_, err := r.writer.Commit(context.Background())
	check(err)
}

func (r *repo) expiry(issuer, serial string, at time.Time) {
	r.enter(&ledger.Entry{Expiry: &ledger.Expiry{Issuer: issuer,
		Entries: []ledger.Expired{{Serial: serial, NotAfter: at}}}})
}

// permit enters an override signed by key.
func (r *repo) permit(key ed25519.PrivateKey, serial, was, now string) {
	body := fmt.Sprintf("seihon/override/v1\ndigest %s\nallow changed vanished\nreason ticket 4711\nexpires %s\n",
		artifact.Sum(nil), r.now.AddDate(0, 1, 0).Format(overrideTime))
	text := body + "signature " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(body))) + "\n"
	r.enter(&ledger.Entry{Override: &ledger.Override{Issuer: "sub", Text: text,
		Changes: []ledger.StatusChange{{Serial: serial, Was: was, Now: now}}}})
}

func revokedText(at time.Time, reason int) string {
	return fmt.Sprintf("revoked %s %d -", at.UTC().Format(overrideTime), reason)
}

// memoryTampers are about what the record said and does not say any more. They are found with the auditor's last
// checkpoint and without.
func memoryTampers() []tamper {
	_, pinned := mustKey()
	_, stranger := mustKey()
	var all []tamper
	for _, known := range []bool{false, true} {
		add := func(name string, want []string, do func(r *repo)) {
			if known {
				name += ", with a checkpoint"
			}
			all = append(all, tamper{name: "memory: " + name, want: want, only: true, passes: len(want) == 0,
				do: func(_ *testing.T, r *repo, c *verify.Config) {
					if known {
						c.Known = [][]byte{r.writer.Log().Checkpoint()}
					}
					c.OverrideKeys = []ed25519.PublicKey{pinned.Public().(ed25519.PublicKey)}
					do(r)
					r.publish(r.public())
				}})
		}
		add("nothing is lost", nil, func(r *repo) { r.another() })
		add("yesterday's inventory", []string{
			"memory-vanished@crl/sub.crl#serial 69: crl/sub.crl number 2 (sha256",
			"memory-vanished@crl/sub.crl#log entry 2",
			"memory-answer@ocsp/sub.generation#says good"}, func(r *repo) {
			r.without(105)
			r.another()
		})
		add("and it comes back",
			[]string{"memory-vanished@crl/sub.crl#serial 69", "memory-answer@ocsp/sub.generation#serial 69"},
			func(r *repo) {
				at := r.revoked[105]
				r.without(105)
				r.another()
				r.revoked[105] = at
				r.another()
			})
		add("a deleted row",
			[]string{"memory-vanished@crl/sub.crl#serial 69", "memory-answer@ocsp/sub.generation#says absent"},
			func(r *repo) {
				r.gone(105)
				r.another()
			})
		add("a narrower scope", []string{"memory-scope@crl/sub.crl#only subscribers"}, func(r *repo) {
			user := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true,
				Value: []byte{0x30, 3, 0x81, 1, 0xff}}
			r.subList = func(l *list) { l.exts = []pkix.Extension{user} }
			r.another()
		})
		add("a delta that forgets", []string{"memory-delta@crl/sub-delta.crl#serial 69"}, func(r *repo) {
			delta := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}
			for i, revoked := range []map[int64]time.Time{{105: r.revoked[105]}, nil} {
				r.put("crl/sub-delta.crl", artifact.DeltaCRL,
					r.sub.list(list{number: int64(2 + i), this: r.now, next: r.now.Add(72 * time.Hour),
						revoked: revoked,
						reason:  1, exts: []pkix.Extension{delta}}))
				r.commit()
				r.now = r.now.Add(time.Hour)
			}
		})
		add("a list is withdrawn for one without its entries", []string{"memory-withdrawn@crl/old.crl#serial 6b"},
			func(r *repo) {
				l := list{number: 9, this: r.now, next: r.now.Add(72 * time.Hour),
					revoked: map[int64]time.Time{103: r.revoked[103], 105: r.revoked[105], 107: r.now}, reason: 1}
				r.put("crl/old.crl", artifact.CRL, r.sub.list(l))
				r.commit()
				digest := r.line1("crl/old.crl").Digest
				r.enter(&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: "crl/old.crl",
					Digest: digest, Reason: "moved"}}}})
			})
		add("expired, as the log states", nil, func(r *repo) {
			r.another()
			r.expiry("sub", "69", r.now.Add(-time.Minute))
			r.gone(105)
			r.another()
		})
		add("the statement comes too late",
			[]string{"memory-vanished@crl/sub.crl#serial 69", "memory-answer@ocsp/sub.generation#serial 69"},
			func(r *repo) {
				at := r.now.Add(24*time.Hour - time.Minute)
				r.another()
				r.gone(105)
				r.another()
				r.expiry("sub", "69", at)
			})
		add("a false statement about a certificate of the repository", []string{"expiry-false#cert/sub.cer"},
			func(r *repo) {
				r.expiry("root", "02", r.now.AddDate(-1, 0, 0))
			})
		add("two statements", []string{"expiry-two-dates"}, func(r *repo) {
			r.expiry("sub", "69", r.now.AddDate(0, 1, 0))
			r.expiry("sub", "69", r.now.AddDate(0, 2, 0))
		})
		add("an override", nil, func(r *repo) {
			r.permit(pinned, "69", revokedText(r.revoked[105], 1), "good")
			r.without(105)
			r.another()
		})
		add("an override by a stranger",
			[]string{"override-unpinned", "memory-vanished@crl/sub.crl#serial 69",
				"memory-answer@ocsp/sub.generation#serial 69"}, func(r *repo) {
				r.permit(stranger, "69", revokedText(r.revoked[105], 1), "good")
				r.without(105)
				r.another()
			})
		add("an override for another certificate",
			[]string{"memory-vanished@crl/sub.crl#serial 69", "memory-answer@ocsp/sub.generation#serial 69"},
			func(r *repo) {
				r.permit(pinned, "67", revokedText(r.revoked[103], 1), "good")
				r.without(105)
				r.another()
			})
	}
	return all
}

// line1 returns the newest line of a name.
func (r *repo) line1(name string) ledger.Line {
	log := r.writer.Log()
	line, ok := must(log.Replay(context.Background(), log.Size())).Get(name)
	if !ok {
		panic("no " + name)
	}
	return line
}
