package inventorytest

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"iter"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

const place = "ca.example/master"

// intents are what certificates of these numbers are announced as, and the certificates.
func intents(t *testing.T, ns ...int) (batch []inventory.Intent, rows []inventory.Certificate) {
	t.Helper()
	for _, n := range ns {
		x := MakeCertificate(t, Serial(n), Epoch.Add(-time.Hour), Epoch.Add(time.Hour))
		c, err := inventory.FromX509(Issuer, x, artifact.SubscriberCertificate)
		must(t, err)
		salt := sha256.Sum256([]byte{byte(n)})
		key := sha256.Sum256(x.RawSubjectPublicKeyInfo)
		batch = append(batch,
			inventory.Intent{Serial: Serial(n), Salt: salt[:], TBS: x.RawTBSCertificate, Name: "cert/x.cer",
				Consent:    "form-1",
				SubjectKey: key[:], CSR: salt[:], Asked: inventory.Asked{By: "alice", Request: "pdf"}})
		c.Consent = "form-1"
		rows = append(rows, c)
	}
	return batch, rows
}

// committed says in which entry of the log the commitments to a batch stand.
func committed(batch []inventory.Intent, entry int64) []inventory.Intent {
	for n := range batch {
		batch[n].Entry, batch[n].Leaf = entry, int64(n)
	}
	return batch
}

func testIssuance(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 2)
	batch, rows := intents(t, 1, 2, 3)
	if last, err := b.LastIssuance(ctx, Issuer, place); err != nil || last != -1 {
		t.Errorf("last issuance is %d, %v, want none", last, err)
	}
	must(t, b.ReserveIssuance(ctx, Issuer, place, batch))
	wantError(t, "reserving a batch twice", b.ReserveIssuance(ctx, Issuer, place, batch), inventory.ErrSerialTaken)
	more, _ := intents(t, 4, 1)
	wantError(t, "reserving a batch with a taken serial", b.ReserveIssuance(ctx, Issuer, place, more),
		inventory.ErrSerialTaken)
	if _, err := b.Get(ctx, Issuer, Serial(4)); !errors.Is(err, inventory.ErrNotFound) {
		t.Errorf("a refused batch left a serial behind: %v", err)
	}
	if left := collect(t, b.Pending(ctx, Issuer, place)); len(left) != 0 {
		t.Errorf("%d are to be signed before the log commits to them", len(left))
	}
	batch[0].Entry = -1
	wantError(t, "recording before the log commits to it", b.RecordIssued(ctx, Issuer, place, batch[:1], rows[:1], nil),
		inventory.ErrNotCommitted)
	must(t, b.Committed(ctx, Issuer, place, committed(batch, 7)))
	if last, err := b.LastIssuance(ctx, Issuer, place); err != nil || last != 7 {
		t.Errorf("last issuance is %d, %v, want 7", last, err)
	}
	left := collect(t, b.Pending(ctx, Issuer, place))
	if len(left) != 3 || left[2].Entry != 7 || left[2].Leaf != 2 || !bytes.Equal(left[2].TBS, batch[2].TBS) ||
		left[2].Consent != "form-1" || left[2].Name != "cert/x.cer" {
		t.Errorf("to be signed: %+v", left)
	}
	if other := collect(t, b.Pending(ctx, Issuer, "another log")); len(other) != 0 {
		t.Errorf("%d are to be signed for another log", len(other))
	}
	other, err := inventory.FromX509(Issuer, MakeCertificate(t, Serial(1), Epoch.Add(-time.Hour), Epoch.Add(time.Hour)),
		artifact.SubscriberCertificate)
	must(t, err)
	wantError(t, "recording another certificate",
		b.RecordIssued(ctx, Issuer, place, batch[:1], []inventory.Certificate{other}, nil), inventory.ErrNotCommitted)
	wantError(t, "recording certificates in another order",
		b.RecordIssued(ctx, Issuer, place, batch[:2], []inventory.Certificate{rows[1], rows[0]}, nil),
		inventory.ErrNotCommitted)
	wantRefused(t, "recording half a batch", b.RecordIssued(ctx, Issuer, place, batch[:2], rows[:1], nil))
	must(t, b.RecordIssued(ctx, Issuer, place, batch[:2], rows[:2], nil))
	must(t, b.RecordIssued(ctx, Issuer, place, batch[:2], rows[:2], nil)) // an interrupted run, repeated
	if left := collect(t, b.Pending(ctx, Issuer, place)); len(left) != 1 || left[0].Leaf != 2 {
		t.Errorf("to be signed after two of three: %+v", left)
	}
	if n, err := b.DropUncommitted(ctx, place); err != nil || n != 0 {
		t.Errorf("dropped %d of what is committed, %v", n, err)
	}
	if e, err := b.Issuance(ctx, Issuer, batch[1].CSR); err != nil || !bytes.Equal(e.DER, rows[1].DER) {
		t.Errorf("the certificate of the second request is %+v, %v", e, err)
	}
	if e, err := b.Issuance(ctx, Issuer, batch[2].CSR); err != nil || e.DER != nil || e.State != inventory.Reserved {
		t.Errorf("the certificate of the third request is %+v, %v; want one without a DER", e, err)
	}
	_, err = b.Issuance(ctx, Issuer, []byte("another"))
	wantError(t, "looking for an unknown request", err, inventory.ErrNotFound)
	must(t, b.ReserveIssuance(ctx, Issuer, place, more[:1]))
	exported := map[string]*inventory.Exported{}
	for _, x := range collect(t, b.Export(ctx, Issuer)) {
		exported[string(x.Serial)] = x
	}
	if x := exported[string(Serial(2))]; len(exported) != 4 || !bytes.Equal(x.DER, rows[1].DER) ||
		!bytes.Equal(x.Salt, batch[1].Salt) || x.Index != 7 || x.Leaf != 1 {
		t.Errorf("exported %d, the second as %+v", len(exported), x)
	}
	if x := exported[string(Serial(4))]; x.Salt != nil || x.Index != 0 || x.DER != nil ||
		x.State != inventory.Reserved {
		t.Errorf("what the log does not commit to is exported as %+v", x)
	}
}

func testIssuanceDropped(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	batch, _ := intents(t, 1, 2)
	must(t, b.ReserveIssuance(ctx, Issuer, place, batch))
	if n, err := b.DropUncommitted(ctx, "another log"); err != nil || n != 0 {
		t.Errorf("dropped %d of another log, %v", n, err)
	}
	if n, err := b.DropUncommitted(ctx, place); err != nil || n != 2 {
		t.Errorf("dropped %d, %v, want 2", n, err)
	}
	wantError(t, "reserving a dropped serial", b.ReserveIssuance(ctx, Issuer, place, batch), inventory.ErrSerialTaken)
	if n, err := b.DropUncommitted(ctx, place); err != nil || n != 0 {
		t.Errorf("dropped %d again, %v", n, err)
	}
	for _, q := range batch {
		if events := collect(t, b.Events(ctx, Issuer, q.Serial)); len(events) != 2 ||
			events[1].What != "issuance dropped" {
			t.Errorf("history of %x: %+v", q.Serial, events)
		}
	}
	e, err := b.Get(ctx, Issuer, Serial(1))
	if must(t, err); e.State != inventory.Reserved {
		t.Errorf("a dropped serial is %s", e.State)
	}
}

// testIssuanceHealed takes intents from the private master into an inventory that never had them.
func testIssuanceHealed(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	batch, rows := intents(t, 1, 2)
	records := b.IntentRecords(ctx, Issuer, 5, batch)
	heal := func(records iter.Seq2[[]byte, error]) *inventory.Healed {
		t.Helper()
		healed, err := b.Heal(ctx,
			inventory.Healing{Origin: place, Records: records, Position: inventory.Position{Size: 6}})
		must(t, err)
		return healed
	}
	wantAsked := func() {
		t.Helper()
		for _, q := range batch {
			events := collect(t, b.Events(ctx, Issuer, q.Serial))
			if len(events) != 1 || events[0].What != "requested: issue" || events[0].Asked != q.Asked {
				t.Errorf("history of %x: %+v", q.Serial, events)
			}
		}
	}
	if healed := heal(records); len(healed.Certificates) != 2 || healed.Certificates[0].Now != "reserved" {
		t.Errorf("healed %+v", healed.Certificates)
	}
	wantAsked()
	left := collect(t, b.Pending(ctx, Issuer, place))
	if len(left) != 2 || left[1].Entry != 5 || left[1].Leaf != 1 || !bytes.Equal(left[1].TBS, batch[1].TBS) ||
		!bytes.Equal(left[1].CSR, batch[1].CSR) {
		t.Errorf("to be signed: %+v", left)
	}
	if last, err := b.LastIssuance(ctx, Issuer, place); err != nil || last != 5 {
		t.Errorf("last issuance is %d, %v, want 5", last, err)
	}
	must(t, b.RecordIssued(ctx, Issuer, place, committed(batch, 5)[:1], rows[:1], nil))
	if healed := heal(records); healed.Any() {
		t.Errorf("healing again changed %+v", healed)
	}
	wantAsked()
	if left := collect(t, b.Pending(ctx, Issuer, place)); len(left) != 1 || left[0].Leaf != 1 {
		t.Errorf("healing again made what is signed pending: %+v", left)
	}
	must(t, b.RecordIssued(ctx, Issuer, place, batch[1:], rows[1:], nil))
}

func testAdopt(t *testing.T, b *Bench) {
	ctx := t.Context()
	b.AddIssuer(t, Issuer, 1)
	x := MakeCertificate(t, Serial(1), Epoch.Add(-time.Hour), Epoch.Add(time.Hour))
	c, err := inventory.FromX509(Issuer, x, artifact.CACertificate)
	must(t, err)
	must(t, b.Adopt(ctx, c, inventory.Asked{}))
	wantError(t, "adopting twice", b.Adopt(ctx, c, inventory.Asked{}), inventory.ErrSerialTaken)
	e, err := b.Get(ctx, Issuer, c.Serial)
	must(t, err)
	if got, err := x509.ParseCertificate(e.DER); err != nil || !got.Equal(x) || !e.Imported ||
		e.State != inventory.Issued {
		t.Errorf("adopted certificate reads back as %+v, %v", e, err)
	}
}
