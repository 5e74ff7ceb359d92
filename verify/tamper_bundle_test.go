package verify_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"seihon/ocspcache"
	"seihon/verify"
	"seihon/verify/report"
)

// The parts of a bundle, by docs/formats-ocsp.md.
func entriesOf(b []byte) (entries, answers []byte) {
	be := binary.BigEndian
	count, groups, bits := int(be.Uint32(b[16:])), int(be.Uint16(b[22:])), be.Uint32(b[24:])
	at := 256 + 144*groups + 4*(1<<bits+1) + 4*count
	return b[at : at+88*count], b[at+88*count:]
}

// bundleTampers are bundles that a faulty signing room made: their digests are in the ledger, so only their form and
// content can tell.
func bundleTampers() []tamper {
	with := func(name string, want []string, change func(b []byte)) tamper {
		return tamper{name: "bundle: " + name, want: want, do: func(_ *testing.T, r *repo, _ *verify.Config) {
			bundleOf(r, change, func(w *ocspcache.BundleWriter) { sub0(r, w) })
			r.publish(r.public())
		}}
	}
	damaged := func(detail string) []string { return []string{"bundle-damaged@ocsp/bundles/#" + detail} }
	return []tamper{
		with("clean", nil, nil).passing(),
		with("head with a byte where none belongs", damaged("canonical"), func(b []byte) { b[60] = 1 }),
		with("wrong size in the head", damaged("its head says"), func(b []byte) { b[15] ^= 1 }),
		with("wrong lookup table", damaged("lookup table"), func(b []byte) { b[256+144+3] ^= 1 }),
		with("other latest thisUpdate in the head", damaged("other times than its entries"),
			func(b []byte) { b[47] ^= 1 }),
		with("entry with a byte where none belongs", damaged("canonical"), func(b []byte) {
			e, _ := entriesOf(b)
			e[15] = 1
		}),
		with("response that is not the index's", damaged("not the one that the index names"), func(b []byte) {
			_, a := entriesOf(b)
			a[len(a)-1] ^= 1
		}),
		with("no response at all", damaged("parsing OCSP response"), func(b []byte) {
			e, a := entriesOf(b)
			length := binary.BigEndian.Uint32(e[8:])
			a[0] = 0x31
			sum := sha256.Sum256(a[:length])
			copy(e[56:], sum[:])
		}),
		with("response under another serial", []string{"ocsp-certid@ocsp/bundles/#no single response"}, func(b []byte) {
			e, _ := entriesOf(b)
			e[16]-- // of the first entry, so that the order stays
		}),
		with("other times in the index", damaged("other times than the response"), func(b []byte) {
			e, _ := entriesOf(b)
			e[47] ^= 1
		}),
	}
}

// sourceTampers are about copies that cannot be looked at as they should.
func sourceTampers() []tamper {
	over := func(name string, want []string, do func(r *repo, c *verify.Config)) tamper {
		return tamper{name: "source: " + name, want: want, only: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) { do(r, c) }}
	}
	return []tamper{
		over("listing that breaks off", []string{"copy-unreadable#access denied"}, func(r *repo, c *verify.Config) {
			c.Copies[0].Source = verify.WithListing(c.Copies[0].Source, func(yield func(verify.Listed, error) bool) {
				yield(verify.Listed{}, errors.New("access denied"))
			})
		}),
		over("listing with an object that cannot be read", []string{"copy-unreadable@ghost"},
			func(r *repo, c *verify.Config) {
				c.Copies[0].Source = verify.WithListing(c.Copies[0].Source,
					func(yield func(verify.Listed, error) bool) {
						yield(verify.Listed{Name: "ghost", Size: 1}, nil)
					})
			}),
		over("listing with another digest", []string{"copy-different@cert/sub.cer"}, func(r *repo, c *verify.Config) {
			c.Tier = report.TierList
			flip(r.public(), "cert/sub.cer")
			c.Copies[0].Source = verify.WithListing(c.Copies[0].Source, listing(r.public()))
		}),
		over("nothing but bytes in the tier without them", []string{"copy-unreadable", "copy-unlisted"},
			func(r *repo, c *verify.Config) {
				c.Tier = report.TierList
				c.Copies[0].Source = opaque{c.Copies[0].Source}
			}),
	}
}
