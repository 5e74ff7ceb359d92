package room_test

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/inputtest"
	"seihon/inventory"
)

// newKinRoom makes a room with a CA that succeeded another one of its name, and a partner of both.
func newKinRoom(t *testing.T) (k *keptRoom, old, partner *inputtest.CA) {
	t.Helper()
	ca, dir := inputtest.NewCA("kept"), t.TempDir()
	old, partner = inputtest.Namesake(ca, "old"), inputtest.NewCA("partner")
	yaml := strings.NewReplacer("anchors: [kept.der]", "anchors: [kept.der, old.der], partners: [partner.der]",
		"issuers:\n  - name: kept\n",
		"issuers:\n  - {name: old, signed_by: external, crl: {validity: 3d, refresh: 1d}}\n  - name: kept\n    "+
			"succeeds: old\n").Replace(keptYAML)
	for name, c := range map[string]*x509.Certificate{"kept": ca.Cert, "old": old.Cert, "partner": partner.Cert} {
		must(t, os.WriteFile(filepath.Join(dir, name+".der"), c.Raw, 0o644))
	}
	k = &keptRoom{newTestRoomOf(t, dir, yaml, "kept-ocsp"), ca}
	k.now = inputtest.Now
	// each by itself: the configuration does not say which of the two is which
	must(t, k.do(t, func(r *room.Room) error {
		for name, c := range map[string]*inputtest.CA{"kept": ca, "old": old} {
			if err := ceremony.Adopt(t.Context(), r, name, c.Cert); err != nil {
				return err
			}
		}
		_, err := r.Commit(t.Context(), "adopted")
		return err
	}))
	return k, old, partner
}

// TestAcceptLinks: NewWithOld and OldWithNew (RFC 4210 section 4.4) come in under their names; what only looks like one
// is refused.
func TestAcceptLinks(t *testing.T) {
	t.Parallel()
	k, old, _ := newKinRoom(t)
	third := inputtest.Namesake(k.ca, "third")
	newWithOld, oldWithNew := old.Certifies(k.ca, inputtest.Certificate{Serial: number(0x31)}),
		k.ca.Certifies(old, inputtest.Certificate{Serial: number(0x32)})
	broken := bytes.Clone(newWithOld)
	broken[len(broken)-1] ^= 1
	for name, c := range map[string]struct {
		raw []byte
		why string
	}{
		"by a key that nobody knows": {third.Certifies(k.ca, inputtest.Certificate{}),
			"joins no issuer of the configuration"},
		"of a key that nobody knows": {k.ca.Certifies(third, inputtest.Certificate{}),
			"joins no issuer of the configuration"},
		"with a broken signature": {broken, "joins no issuer of the configuration"},
		"with a serial of another": {old.Certifies(k.ca, inputtest.Certificate{}),
			"the CA issued two with one serial"},
		"of version 1": {old.Certifies(k.ca, inputtest.Certificate{Version: []byte{}}), "refused"},
		"the root once more": {k.ca.Certifies(k.ca, inputtest.Certificate{Serial: number(0x33)}),
			"the certificate of no issuer of the configuration"},
	} {
		t.Log(name)
		k.takes(t, c.raw, "refused   input: ")
		k.takes(t, c.raw, c.why)
	}
	k.takes(t, newWithOld, "accepted  input: link-certificate of old, public as cert/kept-link-1.cer")
	k.takes(t, oldWithNew, "accepted  input: link-certificate of kept, public as cert/kept-link-2.cer")
	k.takes(t, newWithOld, "which was here already")
	k.knows(t, "old", 0x31, newWithOld)
	k.knows(t, "kept", 0x32, oldWithNew)
}

// TestAcceptCross: cross certificates with a pinned partner come in, in both directions; with anybody else they do not.
func TestAcceptCross(t *testing.T) {
	t.Parallel()
	k, _, partner := newKinRoom(t)
	stranger, impostor := inputtest.NewCA("stranger"), inputtest.Namesake(partner, "impostor")
	third := inputtest.Namesake(k.ca, "third")
	for name, raw := range map[string][]byte{
		"by a stranger":               stranger.Certifies(k.ca, inputtest.Certificate{}),
		"for a stranger":              k.ca.Certifies(stranger, inputtest.Certificate{}),
		"by a namesake of a partner":  impostor.Certifies(k.ca, inputtest.Certificate{}),
		"for another key in its name": k.ca.Certifies(impostor, inputtest.Certificate{}),
		"for another key in ours":     partner.Certifies(third, inputtest.Certificate{}),
	} {
		t.Log(name)
		k.takes(t, raw, "refused   input: ")
	}
	from, to := partner.Certifies(k.ca, inputtest.Certificate{Serial: number(0x41)}),
		k.ca.Certifies(partner, inputtest.Certificate{Serial: number(0x42)})
	name := func(der []byte) string {
		return "public as cert/cross/kept-" + artifact.Sum(der).String()[:12] + ".cer"
	}
	k.takes(t, from, "accepted  input: cross-certificate of kept, "+name(from))
	k.takes(t, to, "accepted  input: cross-certificate of kept, "+name(to))
	k.takes(t, to, "which was here already")
	k.knows(t, "kept", 0x42, to)
}

// knows wants a certificate to be in the inventory of its issuer: it can be revoked.
func (k *keptRoom) knows(t *testing.T, issuer string, serial byte, der []byte) {
	t.Helper()
	must(t, k.do(t, func(r *room.Room) error {
		e, err := r.Inventory.Get(t.Context(), issuer, []byte{serial})
		if err == nil && (e.State != inventory.Issued || !bytes.Equal(e.DER, der)) {
			t.Errorf("certificate %x of %s is not as it was signed: %v", serial, issuer, e.State)
		}
		return err
	}))
}

// TestAcceptWhose: a certificate that may be that of two issuers is taken for neither, unless the configuration or the
// caller says which.
func TestAcceptWhose(t *testing.T) {
	t.Parallel()
	ca, dir := inputtest.NewCA("kept"), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "kept.der"), ca.Cert.Raw, 0o644))
	one, two := inputtest.NewCA("one"), inputtest.NewCA("two")
	k := &keptRoom{newTestRoomOf(t, dir, keptYAML, "kept-ocsp"), ca}
	yaml := strings.Replace(keptYAML, "accept:",
		"  - {name: a, parent: kept, signed_by: external}\n  - {name: b, parent: kept, signed_by: external}\n"+
			"  - {name: c, parent: kept, signed_by: external, subject: {common_name: two}}\naccept:", 1)
	must(t, os.WriteFile(filepath.Join(dir, "repository.yaml"), []byte(yaml), 0o644))
	k.now = inputtest.Now
	first, second := ca.Certifies(one, inputtest.Certificate{Serial: number(0x51)}),
		ca.Certifies(two, inputtest.Certificate{Serial: number(0x52)})
	k.takes(t, first, "is the certificate of no issuer that has none yet")
	k.takes(t, ca.Cert.Raw, "public as cert/kept.cer")
	k.takes(t, first, "may be the certificate of a or b: say which one with --issuer NAME")
	k.takes(t, second, "public as cert/c.cer")
	must(t, k.do(t, func(r *room.Room) error {
		in := inputOf("input", first)
		in.Issuer = "b"
		res, err := accept.Inputs(t.Context(), r, []accept.Input{in})
		if err == nil && res.Verdicts[0].Name != "cert/b.cer" {
			t.Error(res.Verdicts[0].String())
		}
		return err
	}))
}
