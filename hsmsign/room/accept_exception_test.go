package room_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/internal/inputtest"
	"seihon/override"
)

// pinOverrides makes a key for overrides and exceptions, pinned in the configuration of the room.
func pinOverrides(t testing.TB, dir string) (ed25519.PrivateKey, string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	spki, err := x509.MarshalPKIXPublicKey(public)
	must(t, err, os.WriteFile(filepath.Join(dir, "override.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY",
		Bytes: spki}), 0o644))
	return key, strings.Replace(keptYAML, "anchors: [kept.der]",
		"anchors: [kept.der], override_keys: ['"+filepath.Join(dir, "override.pem")+"']", 1)
}

// exception is a signed exception for a CA.
func exception(t testing.TB, key ed25519.PrivateKey, ca *x509.Certificate, expires time.Time, kinds ...string) []byte {
	t.Helper()
	e := override.Exception{Key: artifact.Sum(ca.RawSubjectPublicKeyInfo), Allow: kinds,
		Reason: "the product writes so, ticket 4711", Expires: expires}
	text, err := e.Sign(key)
	must(t, err)
	return text
}

// TestExceptionPerKind: what deviates is refused, by field; with a signed exception for its kind it is taken, and the
// verdict says so; an exception for another kind, of another key, by a stranger or past its date lets nothing pass.
func TestExceptionPerKind(t *testing.T) {
	t.Parallel()
	ca, list := inputtest.NewCA("kept"), byte(10)
	idp := inputtest.Extension([]byte{6, 3, 85, 29, 28}, false, []byte{0x30, 3, 0x81, 1, 0xff})
	seven := inputtest.Integer([]byte{0x70})
	cases := inputtest.IrregularCertificates(ca)
	add := func(kind, says string, l inputtest.List) {
		list++
		l.Number = number(list)
		cases = append(cases, inputtest.Deviant{Name: kind, DER: ca.List(l), Says: says})
	}
	long := inputtest.Generalized(inputtest.Now.Add(-48 * time.Hour))
	add("early-long-time", "is a GeneralizedTime before 2050",
		inputtest.List{Entries: []inputtest.Entry{{Serial: seven, Time: long}}})
	add("early-long-time", "its thisUpdate or nextUpdate is",
		inputtest.List{This: inputtest.Generalized(inputtest.Now.Add(-time.Hour))})
	add("scope-uncritical", "its issuing distribution point is not critical", inputtest.List{Extensions: [][]byte{idp}})
	add("listed-twice", "serial number 70 is listed twice",
		inputtest.List{Entries: []inputtest.Entry{{Serial: seven}, {Serial: seven}}})
	add("serial-negative", "serial number fd is negative",
		inputtest.List{Entries: []inputtest.Entry{{Serial: number(0xfd)}}})
	add("serial-zero", "serial number 00 is zero", inputtest.List{Entries: []inputtest.Entry{{Serial: number(0)}}})
	later := inputtest.Time(inputtest.Now.Add(-30 * time.Minute))
	add("revoked-later", "after the list's own thisUpdate",
		inputtest.List{Entries: []inputtest.Entry{{Serial: seven, Time: later}}})
	for _, c := range cases {
		t.Run(c.Name+" "+c.Says, func(t *testing.T) {
			t.Parallel()
			key, yaml := pinOverrides(t, t.TempDir())
			_, stranger, _ := ed25519.GenerateKey(nil)
			k := newKeptRoomOf(t, yaml)
			forever, other := k.now.Add(1000*time.Hour), "answered-later"
			k.takes(t, c.DER, c.Says)
			k.takes(t, exception(t, stranger, k.ca.Cert, forever, c.Name), "no key of trust.override_keys signed")
			k.takes(t, exception(t, key, k.ca.Cert, k.now, c.Name), "expired at")
			k.takes(t, exception(t, key, inputtest.NewCA("stranger").Cert, forever, c.Name),
				"is of no CA that signed anything here")
			k.takes(t, exception(t, key, k.ca.Cert, forever, "listed-two-ways"), "what an exception can allow is")
			k.takes(t, exception(t, key, k.ca.Cert, forever, other), "accepted  input: exception of kept; "+other)
			k.takes(t, c.DER, c.Says)
			k.takes(t, exception(t, key, k.ca.Cert, forever, c.Name), "accepted  input: exception of kept; "+c.Name)
			k.takes(t, exception(t, key, k.ca.Cert, forever, c.Name), "which was here already")
			k.takes(t, c.DER, "let pass by exception: "+c.Name)
			k.takes(t, c.DER, "which was here already")
		})
	}
}

// TestExceptionForRoot: a root of version 1 comes in with the exception for it, in one batch.
func TestExceptionForRoot(t *testing.T) {
	t.Parallel()
	ca, dir := inputtest.NewRootV1("kept"), t.TempDir()
	key, yaml := pinOverrides(t, dir)
	yaml = strings.Replace(yaml,
		"    ocsp: {validity: 1d, refresh: 12h, certid: sha256, responder: {validity: 30d, key: {algorithm: p256}}}\n",
		"", 1)
	must(t, os.WriteFile(filepath.Join(dir, "kept.der"), ca.Cert.Raw, 0o644),
		os.Mkdir(filepath.Join(dir, "incoming"), 0o755))
	k := &keptRoom{newTestRoomOf(t, dir, yaml, ""), ca}
	k.now = inputtest.Now
	k.takes(t, ca.Cert.Raw, "it is a CA certificate of version 1")
	k.takes(t, ca.List(inputtest.List{}), "is not a trusted CA")
	text := exception(t, key, ca.Cert, k.now.Add(time.Hour), "version-1-ca")
	must(t, k.do(t, func(r *room.Room) error {
		res, err := accept.Inputs(t.Context(), r,
			[]accept.Input{inputOf("root", ca.Cert.Raw), inputOf("list", ca.List(inputtest.List{})),
				inputOf("exception", text)})
		return errors.Join(err, res.Err())
	}))
}
