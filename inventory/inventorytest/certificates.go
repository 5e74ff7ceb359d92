package inventorytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// MakeCertificate makes a self-signed certificate with this serial.
func MakeCertificate(t *testing.T, serial []byte, notBefore, notAfter time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "subscriber"},
		NotBefore: notBefore, NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", what, err, want)
	}
}

func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted", what)
	}
}

func testSerials(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 4)
	serial, err := inventory.NewSerial(rand.Reader)
	must(t, err)
	must(t, b.Reserve(ctx, Issuer, serial))
	wantError(t, "reserving twice", b.Reserve(ctx, Issuer, serial), inventory.ErrSerialTaken)
	wantError(t, "unknown issuer", b.Reserve(ctx, "nobody", serial), inventory.ErrNotFound)
	for _, bad := range [][]byte{nil, {0}, {0x80}, {0, 1}, bytes.Repeat([]byte{1}, 21)} {
		wantRefused(t, "reserving a bad serial", b.Reserve(ctx, Issuer, bad))
	}
	e, err := b.Get(ctx, Issuer, serial)
	must(t, err)
	if e.State != inventory.Reserved || !bytes.Equal(e.Serial, serial) {
		t.Errorf("reserved serial reads back as %+v", e)
	}
	if due := collect(t, b.Due(ctx, Issuer, inventory.AllShards, Epoch)); len(due) != 0 {
		t.Errorf("a reserved serial is due: %+v", due)
	}
	_, err = b.Get(ctx, Issuer, []byte{1})
	wantError(t, "getting an unknown serial", err, inventory.ErrNotFound)
}

func testRecord(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	x := MakeCertificate(t, Serial(1), Epoch.Add(-time.Hour), Epoch.Add(time.Hour))
	c, err := fromX509(x)
	must(t, err)
	c.Consent = "consent-17"
	wantError(t, "recording what was not reserved", b.Record(ctx, c), inventory.ErrNotFound)
	must(t, b.Reserve(ctx, Issuer, c.Serial))
	must(t, b.Record(ctx, c))
	must(t, b.Record(ctx, c)) // a repeated run
	e, err := b.Get(ctx, Issuer, c.Serial)
	must(t, err)
	if e.State != inventory.Issued || !bytes.Equal(e.DER, x.Raw) || e.Consent != c.Consent ||
		!e.NotAfter.Equal(x.NotAfter) ||
		!e.NotBefore.Equal(x.NotBefore) || e.Kind != artifact.SubscriberCertificate || e.Subject != "CN=subscriber" ||
		e.Imported {
		t.Errorf("recorded certificate reads back as %+v", e)
	}
	must(t, b.SetConsent(ctx, Issuer, c.Serial, ""))
	if e, err := b.Get(ctx, Issuer, c.Serial); err != nil || e.Consent != "" {
		t.Errorf("withdrawn consent is %q, %v", e.Consent, err)
	}
	wantError(t, "consent for an unknown serial", b.SetConsent(ctx, Issuer, Serial(2), "x"), inventory.ErrNotFound)
	other, err := fromX509(MakeCertificate(t, Serial(1), x.NotBefore, x.NotAfter))
	must(t, err)
	wantError(t, "recording another certificate", b.Record(ctx, other), inventory.ErrSerialTaken)
	lie := c
	lie.Serial = Serial(2)
	wantRefused(t, "recording under another serial", b.Record(ctx, lie))
	lie = c
	lie.NotAfter = lie.NotAfter.Add(time.Second)
	wantRefused(t, "recording another validity", b.Record(ctx, lie))
	lie = c
	lie.DER = lie.DER[:20]
	wantRefused(t, "recording half a certificate", b.Record(ctx, lie))
	if all := collect(t, b.Export(ctx, Issuer)); len(all) != 1 {
		t.Errorf("%d certificates, want 1", len(all))
	}
}

func testSharedKey(t *testing.T, b *Bench) {
	ctx := t.Context()
	key := artifact.Sum([]byte("one key"))
	for _, name := range []string{"g1", "g1-renewed"} {
		must(t, b.DB.AddIssuer(ctx, inventory.Issuer{Name: name, Key: key, Shards: 2}))
	}
	b.AddIssuer(t, "other", 1)
	must(t, b.Reserve(ctx, "g1", Serial(1)))
	wantError(t, "reserving under the same key", b.Reserve(ctx, "g1-renewed", Serial(1)), inventory.ErrSerialTaken)
	must(t, b.Reserve(ctx, "other", Serial(1)))
	wantRefused(t,
		"changing a key",
		b.DB.AddIssuer(ctx, inventory.Issuer{Name: "g1", Key: artifact.Sum([]byte("new")), Shards: 2}))
	wantError(t, "getting through the other name",
		func() error { _, err := b.Get(ctx, "g1-renewed", Serial(1)); return err }(), inventory.ErrNotFound)
	_, err := b.Import(ctx,
		inventory.Import{Issuer: "g1-renewed", Source: &List{List: []inventory.Record{Valid(1, Epoch.Add(time.Hour))}}})
	wantRefused(t, "importing another issuer name's serial", err)
	issuers, err := b.Issuers(ctx)
	must(t, err)
	if len(issuers) != 3 || issuers[0].Name != "g1" || issuers[0].Key != key || issuers[0].Shards != 2 {
		t.Errorf("issuers are %+v", issuers)
	}
}

func testCRLNumbers(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	b.AddIssuer(t, "root", 1)
	if last, err := b.LastCRLNumber(ctx, Issuer, "full"); err != nil || last != nil {
		t.Errorf("last number is %v, %v, want none", last, err)
	}
	for want := int64(1); want <= 3; want++ {
		n, err := b.NextCRLNumber(ctx, Issuer, "full")
		must(t, err)
		if n.Int64() != want {
			t.Errorf("number is %v, want %d", n, want)
		}
	}
	long, _ := new(big.Int).SetString("17ffffffffffffffffffffffffffffffff", 16)
	must(t, b.RaiseCRLNumber(ctx, Issuer, "full", long))
	wantError(t, "lowering", b.RaiseCRLNumber(ctx, Issuer, "full", big.NewInt(7)), inventory.ErrNumberTooSmall)
	wantRefused(t, "a number of 21 octets", b.RaiseCRLNumber(ctx, Issuer, "full", new(big.Int).Lsh(big.NewInt(1), 160)))
	n, err := b.NextCRLNumber(ctx, Issuer, "full")
	must(t, err)
	if want := new(big.Int).Add(long, big.NewInt(1)); n.Cmp(want) != 0 {
		t.Errorf("number is %x, want %x", n, want)
	}
	if last, err := b.LastCRLNumber(ctx, Issuer, "full"); err != nil || last.Cmp(n) != 0 {
		t.Errorf("last number is %v, %v", last, err)
	}
	for _, other := range [][2]string{{Issuer, "arl"}, {"root", "full"}} {
		if n, err := b.NextCRLNumber(ctx, other[0], other[1]); err != nil || n.Int64() != 1 {
			t.Errorf("first number of %v is %v, %v", other, n, err)
		}
	}
	_, err = b.NextCRLNumber(ctx, "nobody", "full")
	wantError(t, "a number for an unknown issuer", err, inventory.ErrNotFound)
	for want := int64(1); want <= 2; want++ {
		if n, err := b.NextCounter(ctx, "run"); err != nil || n != want {
			t.Errorf("counter is %d, %v, want %d", n, err, want)
		}
	}
}

func testHistory(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	crl := func(n int64) inventory.ArtifactRecord {
		return inventory.ArtifactRecord{Issuer: Issuer, Kind: artifact.CRL, Name: "crl/sub.crl", Scope: "full",
			Number:     big.NewInt(n),
			ThisUpdate: Epoch, NextUpdate: Epoch.Add(24 * time.Hour), Digest: artifact.Sum([]byte{byte(n)})}
	}
	_, err := b.Latest(ctx, Issuer, artifact.CRL, "full")
	wantError(t, "latest of nothing", err, inventory.ErrNotFound)
	must(t, b.AddArtifacts(ctx, []inventory.ArtifactRecord{crl(1), crl(2)}))
	must(t, b.MarkCommitted(ctx, []artifact.Digest{crl(1).Digest}, 9))
	open := collect(t, b.Uncommitted(ctx))
	if len(open) != 1 || open[0].Number.Int64() != 2 || open[0].SignedAt != Epoch {
		t.Errorf("open artifacts are %+v, want number 2", open)
	}
	latest, err := b.Latest(ctx, Issuer, artifact.CRL, "full")
	must(t, err)
	if latest.Number.Int64() != 2 || latest.Digest != crl(2).Digest || latest.NextUpdate != crl(2).NextUpdate ||
		latest.Committed != 0 {
		t.Errorf("latest is %+v", latest)
	}
	all := collect(t, b.Artifacts(ctx, Issuer, artifact.CRL))
	if len(all) != 2 || all[0].Number.Int64() != 2 || all[1].Committed != 9 {
		t.Errorf("history is %+v", all)
	}
	wantRefused(t, "an empty log", b.MarkCommitted(ctx, nil, 0))
	wantRefused(t, "an artifact of nobody",
		b.AddArtifacts(ctx, []inventory.ArtifactRecord{{Issuer: "nobody", Kind: artifact.CRL}}))
}

func testReopen(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 3)
	must(t, b.Reserve(ctx, Issuer, Serial(1)))
	_, err := b.NextCRLNumber(ctx, Issuer, "full")
	must(t, err)
	second := b.Open(t)
	wantError(t, "reserving in a second process", second.Reserve(ctx, Issuer, Serial(1)), inventory.ErrSerialTaken)
	if n, err := second.NextCRLNumber(ctx, Issuer, "full"); err != nil || n.Int64() != 2 {
		t.Errorf("number after reopening is %v, %v, want 2", n, err)
	}
}

// fromX509 describes a certificate as the signing room does before it records one.
func fromX509(c *x509.Certificate) (inventory.Certificate, error) {
	serial, err := inventory.SerialOf(c.SerialNumber)
	return inventory.Certificate{
		Issuer: Issuer, Serial: serial, Kind: artifact.SubscriberCertificate, DER: c.Raw, Subject: c.Subject.String(),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}, err
}
