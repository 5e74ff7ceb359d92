//go:build integration

package cmd_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"seihon/artifact"
	"seihon/hsmsign/ocsp"
	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
)

// unsay takes back, in the master, what was said of a certificate: with the keys of the token
// and the log, past every check of the room. WAY is forgotten, date, reason or hold (of a
// list), good, redated or dropped (of a response).
func unsay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unsay WAY CERTIFICATE")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestUnsay$")
	cmd.Env = append(os.Environ(), "UNSAY_CONFIG="+ts.MkAbs("repository.yaml"), "UNSAY_WAY="+args[0],
		"UNSAY_CERTIFICATE="+ts.MkAbs(args[1]))
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("unsay %s: %v\n%s", args[0], err, out)
	}
}

// A forger has what somebody has who stands in the room with an own program.
type forger struct {
	tb    testing.TB
	conf  *config.Config
	tok   *token.Token
	log   *ledger.Writer
	lines []ledger.Line
}

func newForger(t *testing.T, file string) *forger {
	conf, err := config.Load(file)
	must(t, err)
	must(t, room.UseSoftHSMConfig(conf.Signer))
	f := &forger{tb: t, conf: conf}
	f.tok, err = token.Open(t.Context(), room.TokenConfig(conf.Signer, conf.Signer.AllTokens()[0], nil, nil))
	must(t, err)
	t.Cleanup(func() { f.tok.Close() })
	c := ledger.WriterConfig{Origin: conf.Master.Origin}
	for _, label := range conf.Signer.LogKeys {
		s, err := ledger.NewNoteSigner(conf.Master.Origin, f.key(label))
		must(t, err)
		c.Signers = append(c.Signers, s)
	}
	f.log, err = ledger.OpenWriter(t.Context(), string(conf.Master.Directory), c)
	must(t, err)
	t.Cleanup(func() { f.log.Close() })
	return f
}

func (f *forger) key(label string) crypto.Signer {
	key, err := f.tok.Signer(context.Background(), token.KeySpec{Label: label})
	must(f.tb.(*testing.T), err)
	return key
}

// newest reads the newest object of a name.
func (f *forger) newest(name string) []byte {
	t := f.tb.(*testing.T)
	line, _, err := f.log.Log().Lookup(t.Context(), name)
	must(t, err)
	body, err := f.log.Log().ReadBlob(t.Context(), line)
	must(t, err)
	return body
}

func (f *forger) certificate(label string) *x509.Certificate {
	c, err := x509.ParseCertificate(f.newest(public.Certificate(label)))
	must(f.tb.(*testing.T), err)
	return c
}

func (f *forger) put(l ledger.Line, body []byte) {
	var err error
	l.Digest, l.Size, err = f.log.PutBlob(context.Background(), l.Kind, bytes.NewReader(body))
	must(f.tb.(*testing.T), err)
	f.lines = append(f.lines, l)
}

func (f *forger) commit() {
	t := f.tb.(*testing.T)
	_, err := f.log.AppendBatch(t.Context(), f.lines, "signer run")
	must(t, err)
	_, err = f.log.Commit(t.Context())
	must(t, err)
}

// list signs the successor of the list of sub, whose entries somebody changed.
func (f *forger) list(change func([]x509.RevocationListEntry) []x509.RevocationListEntry) {
	t := f.tb.(*testing.T)
	name := public.List("sub", artifact.CRL)
	old, err := x509.ParseRevocationList(f.newest(name))
	must(t, err)
	list := &x509.RevocationList{Number: new(big.Int).Add(old.Number, big.NewInt(1)),
		ThisUpdate: time.Now().UTC().Truncate(time.Second)}
	list.NextUpdate = list.ThisUpdate.Add(old.NextUpdate.Sub(old.ThisUpdate))
	for _, x := range old.Extensions { // the library adds key identifier and number
		if !x.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) && !x.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 20}) {
			list.ExtraExtensions = append(list.ExtraExtensions,
				pkix.Extension{Id: x.Id, Critical: x.Critical, Value: x.Value})
		}
	}
	for _, e := range old.RevokedCertificateEntries {
		e.Extensions, e.Raw = nil, nil // made anew from the reason
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, e)
	}
	list.RevokedCertificateEntries = change(list.RevokedCertificateEntries)
	der, err := x509.CreateRevocationList(rand.Reader, list, f.certificate("sub"),
		f.key(f.conf.Issuer("sub").Key.Label))
	must(t, err)
	f.put(ledger.Line{Name: name, Kind: artifact.CRL, Issuer: "sub", Number: list.Number.String(),
		NotBefore: list.ThisUpdate, NotAfter: list.NextUpdate}, der)
	f.commit()
}

// response replaces the response about a certificate; without a status it is dropped.
func (f *forger) response(serial []byte, status *ocsp.Status) {
	t := f.tb.(*testing.T)
	old, _, err := ocspcache.ParseGeneration(f.newest(public.Generation("sub")))
	must(t, err)
	now := time.Now().UTC().Truncate(time.Second)
	g := ocspcache.Generation{Issuer: "sub", Number: old.Number + 1, ThisUpdate: now, NextUpdate: old.NextUpdate}
	responder := f.conf.Issuer("sub").OCSP.Responder
	enc, err := ocsp.NewEncoder(f.certificate("sub"), f.certificate(responder.Name), f.key(responder.Key.Label),
		ocsp.Policy{CertID: ocsp.Separate})
	must(t, err)
	for _, b := range old.Bundles {
		bundle, err := ocspcache.ParseBundle(f.newest(public.Bundle(b.Digest)))
		must(t, err)
		var out bytes.Buffer
		w := ocspcache.NewBundleWriter(&out, "sub", b.Shard)
		for key, der := range bundle.All() {
			if !bytes.Equal(key.Serial, serial) {
				must(t, w.Add(key, der))
				continue
			}
			if status == nil {
				continue
			}
			signed, err := enc.Sign(t.Context(), *status, now, now.Add(24*time.Hour))
			must(t, err)
			i := slices.IndexFunc(signed, func(e ocsp.Encoded) bool { return e.Hash == key.Hash })
			must(t, w.Add(key, signed[i].DER))
		}
		sum, err := w.Close()
		must(t, err)
		f.put(ledger.Line{Name: public.Bundle(sum.Digest), Kind: artifact.OCSPBundle, Issuer: "sub",
			NotBefore: bundle.MaxThisUpdate(), NotAfter: sum.MinNextUpdate}, out.Bytes())
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: b.Shard, Digest: sum.Digest, Size: sum.Size,
			Count: sum.Count, NextUpdate: sum.MinNextUpdate})
		if sum.MinNextUpdate.Before(g.NextUpdate) {
			g.NextUpdate = sum.MinNextUpdate
		}
	}
	f.put(ledger.Line{Name: public.Generation("sub"), Kind: artifact.OCSPGeneration, Issuer: "sub",
		Number:    strconv.FormatUint(g.Number, 10),
		NotBefore: g.ThisUpdate, NotAfter: g.NextUpdate}, g.Body())
	f.commit()
}

// TestUnsay is run by the script command unsay in a process of its own, as TestSlip is.
func TestUnsay(t *testing.T) {
	file := os.Getenv("UNSAY_CONFIG")
	if file == "" {
		return // nothing to do: only the command unsay asks for it
	}
	f := newForger(t, file)
	raw, err := os.ReadFile(os.Getenv("UNSAY_CERTIFICATE"))
	must(t, err)
	block, _ := pem.Decode(raw)
	c, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	serial, number := artifact.SerialBytes(c), c.SerialNumber
	entry := func(change func(*x509.RevocationListEntry)) func([]x509.RevocationListEntry) []x509.RevocationListEntry {
		return func(all []x509.RevocationListEntry) []x509.RevocationListEntry {
			i := slices.IndexFunc(all, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(number) == 0 })
			if i < 0 {
				t.Fatalf("serial %x is not on the list", number)
			}
			if change == nil {
				return slices.Delete(all, i, i+1)
			}
			change(&all[i])
			return all
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	switch way := os.Getenv("UNSAY_WAY"); way {
	case "forgotten":
		f.list(entry(nil))
	case "date":
		f.list(entry(func(e *x509.RevocationListEntry) { e.RevocationTime = e.RevocationTime.Add(-24 * time.Hour) }))
	case "reason":
		f.list(entry(func(e *x509.RevocationListEntry) { e.ReasonCode = 4 }))
	case "hold":
		f.list(entry(func(e *x509.RevocationListEntry) { e.ReasonCode = 6 }))
	case "good":
		f.response(serial, &ocsp.Status{Serial: serial, State: ocsp.Good})
	case "redated":
		f.response(serial, &ocsp.Status{Serial: serial, State: ocsp.Revoked, RevokedAt: now.Add(-time.Hour), Reason: 1})
	case "dropped":
		f.response(serial, nil)
	default:
		must(t, fmt.Errorf("no way %q", way))
	}
}
