package verify_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify"
)

// announced enters commitments to the certificates of sub, in two entries, as a room does before it signs, and returns
// the true inventory that opens them.
func (r *repo) announced() book {
	lines := r.inventory()
	total := int64(0)
	for from := 1; from < len(lines); {
		to := min(from+8, len(lines))
		var leaves []tlog.Hash
		index := r.writer.Log().Size()
		for i := from; i < to; i++ {
			salt := make([]byte, 32)
			_, _ = rand.Read(salt)
			cert := newCert("subscriber", 1, r.sub,
				func(t *x509.Certificate) { t.SerialNumber = new(big.Int).SetBytes(lines[i].Serial) }).cert
			leaf := sha256.Sum256(append(append([]byte(nil), salt...), cert.RawTBSCertificate...))
			leaves = append(leaves, tlog.RecordHash(leaf[:]))
			lines[i].Commitment = &verify.Commitment{Salt: salt, Entry: index, Leaf: int64(i - from),
				Certificate: cert.Raw}
			lines[i].NotBefore = r.now
		}
		count := int64(to - from)
		total += count
		r.enter(&ledger.Entry{Issuance: &ledger.Issuance{Issuer: "sub", Count: count, Root: rootOf(leaves),
			Total: total}})
		from = to
	}
	r.publish(r.public())
	return lines
}

// rootOf is RFC 6962's tree over leaves, by package tlog.
func rootOf(leaves []tlog.Hash) tlog.Hash {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, leaf := range leaves {
		stored = append(stored, must(tlog.StoredHashesForRecordHash(int64(i), leaf, reader))...)
	}
	return must(tlog.TreeHash(int64(len(leaves)), reader))
}

func commitmentTampers() []tamper {
	with := func(name string, want []string, change func(r *repo, b book) book) tamper {
		return tamper{name: "commitments: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Inventory = change(r, r.announced())
			}}
	}
	return []tamper{
		with("all opened", nil, func(_ *repo, b book) book { return b }),
		with("a deleted row", []string{"commitment-unopened@issuance entry 2 of sub#of 8 commitments, 1",
			"inventory-unknown@sub#2 responses"}, func(_ *repo, b book) book {
			return append(b[:1:1], b[2:]...)
		}),
		with("a deleted row of a revoked certificate",
			[]string{"commitment-unopened", "inventory-unknown@sub#2 responses",
				"inventory-unknown@sub#1 entries of crl/sub.crl, the first with serial number 67"},
			func(_ *repo, b book) book { return append(b[:4:4], b[5:]...) }),
		with("a certificate that was not announced",
			[]string{"commitment-missing@serial 64#names no commitment", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment = nil
				return b
			}),
		with("an export that opens nothing", []string{"commitment-not-given@sub"}, func(_ *repo, b book) book {
			for i := range b {
				b[i].Commitment = nil
			}
			return b
		}).passing(),
		with("an export without the issuer", []string{"inventory-absent@sub#responses of this issuer"},
			func(_ *repo, b book) book { return b[:1] }),
		with("a certificate of before", []string{"commitment-unopened"}, func(r *repo, b book) book {
			b[1].Commitment, b[1].NotBefore = nil, start.AddDate(-1, 0, 0)
			return b
		}),
		with("a certificate that is called imported",
			[]string{"commitment-missing@serial 64#calls it imported", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment, b[1].Imported = nil, true
				return b
			}),
		with("a certificate imported from before", []string{"commitment-unopened"}, func(_ *repo, b book) book {
			b[1].Commitment, b[1].Imported, b[1].NotBefore = nil, true, start.AddDate(-1, 0, 0)
			return b
		}),
		with("a serial imported from a list, without dates", []string{"commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment, b[1].Imported, b[1].NotBefore = nil, true, time.Time{}
				return b
			}),
		with("another certificate", []string{"commitment-root@issuance entry 2 of sub"}, func(r *repo, b book) book {
			b[1].Commitment.Certificate = newCert("somebody else", 100, r.sub, func(*x509.Certificate) {}).cert.Raw
			return b
		}),
		with("a good certificate with a compromised key",
			[]string{"inventory-compromised-key@serial 64#its key is that of sub serial 67", "commitment-root"},
			func(r *repo, b book) book {
				key := must(x509.ParseCertificate(b[4].Commitment.Certificate)).PublicKey
				template := *must(x509.ParseCertificate(b[1].Commitment.Certificate))
				b[1].Commitment.Certificate = must(x509.CreateCertificate(rand.Reader, &template, r.sub.cert, key,
					r.sub.key))
				return b
			}),
		with("another salt", []string{"commitment-root@issuance entry 2 of sub"}, func(_ *repo, b book) book {
			b[1].Commitment.Salt = make([]byte, 32)
			return b
		}),
		with("a short salt", []string{"commitment-salt@serial 64#31 octets", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment.Salt = b[1].Commitment.Salt[:31]
				return b
			}),
		with("no certificate", []string{"commitment-salt@serial 64#cannot be read", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment.Certificate = nil
				return b
			}),
		with("a certificate of another serial",
			[]string{"commitment-salt@serial 64#another serial", "commitment-unopened"}, func(_ *repo, b book) book {
				b[1].Commitment.Certificate = b[2].Commitment.Certificate
				return b
			}),
		with("two certificates for one commitment", []string{"commitment-twice@serial 65", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[2].Commitment.Leaf = 0
				return b
			}),
		with("an entry that is none", []string{"commitment-missing@serial 64#no issuance entry", "commitment-unopened"},
			func(_ *repo, b book) book {
				b[1].Commitment.Entry = 0
				return b
			}),
		with("a wrong total", []string{"commitment-total@issuance entry 4 of sub"}, func(r *repo, b book) book {
			r.enter(&ledger.Entry{Issuance: &ledger.Issuance{Issuer: "sub", Count: 0,
				Root: tlog.Hash(artifact.Sum(nil)), Total: 99}})
			r.publish(r.public())
			return b
		}),
	}
}
