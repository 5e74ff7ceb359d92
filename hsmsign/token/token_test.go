package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	"seihon/hsmsign/token"
)

func TestParseURI(t *testing.T) {
	slot := uint(3)
	for _, test := range []struct {
		uri  string
		want token.URI
		says string // of the error
	}{
		{"pkcs11:token=Root%20CA;serial=0a1b", token.URI{Token: "Root CA", Serial: "0a1b"}, ""},
		{"pkcs11:object=ca;id=%01%FF;type=private", token.URI{Object: "ca", ID: []byte{1, 0xff}, Type: "private"}, ""},
		{"pkcs11:manufacturer=SoftHSM%20project;model=SoftHSM%20v2;slot-id=3?module-path=/usr/lib/x.so",
			token.URI{Manufacturer: "SoftHSM project", Model: "SoftHSM v2", SlotID: &slot, ModulePath: "/usr/lib/x.so"},
			""},
		{"pkcs11:", token.URI{}, ""},
		{"pkcs11:token=a+b", token.URI{Token: "a+b"}, ""},
		{"pkcs12:token=a", token.URI{}, "does not begin"},
		{"pkcs11:token=a;token=b", token.URI{}, "twice"},
		{"pkcs11:token=a;flavour=b", token.URI{}, `"flavour" is not supported`},
		{"pkcs11:token", token.URI{}, "not name=value"},
		{"pkcs11:token=%4", token.URI{}, "attribute \"token\""},
		{"pkcs11:type=anything", token.URI{}, "not one of"},
		{"pkcs11:slot-id=-1", token.URI{}, "not a number"},
		{"pkcs11:token=a?pin-value=1234", token.URI{}, "carries a PIN"},
		{"pkcs11:token=a?pin-source=file:/x", token.URI{}, "carries a PIN"},
		{"pkcs11:token=a?other=1", token.URI{}, "not supported"},
		{"pkcs11:token=" + strings.Repeat("a", 5000), token.URI{}, "more than"},
	} {
		got, err := token.ParseURI(test.uri)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "1234") {
				t.Errorf("ParseURI(%q): error %v, want one with %q and without the PIN", test.uri, err, test.says)
			}
			continue
		}
		if err != nil || !cmp.Equal(got, test.want) {
			t.Errorf("ParseURI(%q): %v %s", test.uri, err, cmp.Diff(test.want, got))
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, s := range []string{"pkcs11:token=Root%20CA;serial=0a1b", "pkcs11:object=ca;id=%01%FF;type=private",
		"pkcs11:slot-id=3?module-path=/x", "pkcs11:a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := token.ParseURI(s)
		if err != nil {
			return
		}
		again, err := token.ParseURI(u.String())
		if len(u.String()) > 4096 { // percent-encoding can make it longer than what is read
			return
		}
		if err != nil || !cmp.Equal(u, again, cmp.Comparer(bytes.Equal)) {
			t.Errorf("%q became %q: %v", s, u.String(), err)
		}
	})
}

func TestPINSources(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("credential", "c-pin", 0o400)
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("TOKEN_TEST_PIN", "e-pin")
	for _, test := range []struct {
		name   string
		source token.PINSource
		want   string
		says   string
	}{
		{"file", token.FilePIN(write("ok", "f-pin\n", 0o600)), "f-pin", ""},
		{"file with CRLF", token.FilePIN(write("crlf", "f-pin\r\n", 0o400)), "f-pin", ""},
		{"file that others read", token.FilePIN(write("open", "f-pin", 0o640)), "", "mode 0640; make it 0600"},
		{"empty file", token.FilePIN(write("empty", "\n", 0o600)), "", "is empty"},
		{"two lines", token.FilePIN(write("two", "a\nb\n", 0o600)), "", "line break"},
		{"long", token.FilePIN(write("long", strings.Repeat("1", 256), 0o600)), "", "longer than 255"},
		{"directory", token.FilePIN(dir), "", "not a regular file"},
		{"no file", token.FilePIN(filepath.Join(dir, "none")), "", "no such file"},
		{"credential", token.CredentialPIN("credential"), "c-pin", ""},
		{"credential elsewhere", token.CredentialPIN("../x"), "", "not the name of a credential"},
		{"environment", token.EnvPIN("TOKEN_TEST_PIN"), "e-pin", ""},
		{"environment again", token.EnvPIN("TOKEN_TEST_PIN"), "e-pin", ""},
		{"environment without it", token.EnvPIN("TOKEN_TEST_PIN_2"), "", "is not set"},
	} {
		got, err := test.source(t.Context())
		if string(got) != test.want || (err == nil) != (test.says == "") ||
			err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %q, %v; want %q, an error with %q", test.name, got, err, test.want, test.says)
		}
	}
	_, left := os.LookupEnv("TOKEN_TEST_PIN")
	if left {
		t.Error("the PIN stays in the environment for children to read")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := token.CredentialPIN("credential")(t.Context())
	if err == nil || !strings.Contains(err.Error(), "LoadCredential=credential") {
		t.Errorf("without systemd: %v", err)
	}
}

func TestECDSADER(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := digestOf(crypto.SHA256, "x")
	for range 50 {
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		der, err := token.ECDSADER(raw, 32)
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest, der) {
			t.Fatalf("%x became %x, %v", raw, der, err)
		}
	}
	for _, raw := range [][]byte{nil, make([]byte, 63), make([]byte, 66)} {
		_, err := token.ECDSADER(raw, 32)
		if err == nil {
			t.Errorf("%d bytes were taken for an ECDSA signature", len(raw))
		}
	}
}

func digestOf(h crypto.Hash, s string) []byte {
	w := h.New()
	w.Write([]byte(s))
	return w.Sum(nil)
}

func TestRemedyFor(t *testing.T) {
	for want, values := range map[string][]uint{
		"new session": {pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
			pkcs11.CKR_KEY_HANDLE_INVALID},
		"new module": {pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
			pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED},
		"wait": {pkcs11.CKR_FUNCTION_FAILED},
		"give up": {pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_MECHANISM_INVALID,
			pkcs11.CKR_ARGUMENTS_BAD},
	} {
		for _, v := range values {
			got := token.RemedyFor(fmt.Errorf("wrapped: %w", pkcs11.Error(v)))
			if got != want {
				t.Errorf("%v: %s, want %s", pkcs11.Error(v), got, want)
			}
		}
	}
}
