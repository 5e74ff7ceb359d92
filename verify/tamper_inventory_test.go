package verify_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"seihon/verify"
)

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
		return tamper{name: "inventory: " + name, want: want, only: true, passes: len(want) == 0,
			do: func(_ *testing.T, r *repo, c *verify.Config) {
				c.Inventory = change(r, r.inventory())
			}}
	}
	return []tamper{
		with("agrees", nil, func(_ *repo, b book) book { return b }),
		with("revoked, but published as good",
			[]string{"inventory-differs@serial 64#a response says", "inventory-not-listed@serial 64"},
			func(_ *repo, b book) book {
				b[1].Revoked, b[1].RevokedAt, b[1].Reason = true, start, 1
				return b
			}),
		with("good, but published as revoked",
			[]string{"inventory-differs@serial 67#a list says", "inventory-differs@serial 67#a response says"},
			func(_ *repo, b book) book {
				b[4].Revoked = false
				return b
			}),
		with("other reason", []string{"coherence-reason@serial 67"}, func(_ *repo, b book) book {
			b[4].Reason = 4
			return b
		}),
		with("other date", []string{"coherence-date@serial 67#the list", "coherence-date@serial 67#the response"},
			func(_ *repo, b book) book {
				b[4].RevokedAt = b[4].RevokedAt.Add(time.Hour)
				return b
			}),
		with("certificate without an answer", []string{"inventory-no-answer@serial 01f4"}, func(r *repo, b book) book {
			return append(b,
				verify.InventoryLine{Issuer: "sub", Serial: serialOctets(500), NotAfter: r.now.AddDate(1, 0, 0),
					Reason: -1})
		}),
		with("expired certificate without an answer", nil, func(r *repo, b book) book {
			return append(b,
				verify.InventoryLine{Issuer: "sub", Serial: serialOctets(500), NotAfter: r.now.AddDate(0, 0, -1),
					Reason: -1})
		}),
		with("answers about unknown certificates", []string{"inventory-unknown@sub"},
			func(_ *repo, b book) book { return b[:len(b)-1] }),
		with("without any line", []string{"inventory-absent@sub#24 responses", "inventory-absent@root"},
			func(*repo, book) book { return nil }),
		with("with one issuer alone", []string{"inventory-absent@sub"}, func(_ *repo, b book) book { return b[:1] }),
		{name: "inventory: empty on purpose", only: true, passes: true,
			do: func(_ *testing.T, _ *repo, c *verify.Config) {
				c.Inventory, c.InventoryEmpty = book(nil), true
			}},
		with("unknown issuer", []string{"required-missing@other"}, func(r *repo, b book) book {
			return append(b,
				verify.InventoryLine{Issuer: "other", Serial: []byte{1}, NotAfter: r.now.AddDate(1, 0, 0), Reason: -1})
		}),
	}
}
