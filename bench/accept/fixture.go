package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A ca is a CA of two levels whose keys the room never sees.
type ca struct {
	cert *x509.Certificate // of the lower level
	key  *ecdsa.PrivateKey
	now  time.Time
}

const configuration = `version: 1
repository: {name: kept.example, base_url: "http://kept.example"}
master:
  directory: master
  keys: [keys/master-log.ecdsa.vkey, keys/master-log.ed25519.vkey]
trust: {anchors: [root.pem]}
signer:
  module: /usr/lib/softhsm/libsofthsm2.so
  softhsm_config: secrets/softhsm2.conf
  token: repository
  policy: trial
  pin: {file: secrets/pin}
  inventory: inventory.db
issuers:
  - {name: root, signed_by: external, arl: {validity: 180d, refresh: 90d}}
  - name: sub
    parent: root
    signed_by: external
    crl: {validity: 30d, refresh: 1d}
    ocsp:
      validity: 3d
      refresh: 1d
      %s
accept: {directory: incoming}
targets:
  - {name: public, directory: public}
`

const commands = `set -e
mkdir incoming && mkdir -m 700 secrets && umask 077
printf 1234-user >secrets/pin
printf 5678-officer >secrets/so-pin
umask 022
signer init --quiet --init-token --so-pin-file secrets/so-pin
signer keygen --quiet
signer accept --quiet --file root.pem --file sub.pem`

// newCA makes a CA, and the room that takes in what it signs.
func newCA(ctx context.Context, s settings, ocspKeys string) error {
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	var cert *x509.Certificate
	var parent *x509.Certificate
	var parentKey *ecdsa.PrivateKey
	for i, name := range []string{"root", "sub"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		t := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1),
			Subject:   pkix.Name{Country: []string{"JP"}, CommonName: "Kept " + name},
			NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10-i, 0, 0), IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
		if parent == nil {
			parent, parentKey = t, key
		}
		der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), parentKey)
		if err != nil {
			return err
		}
		if cert, err = x509.ParseCertificate(der); err != nil {
			return err
		}
		parent, parentKey = cert, key
		raw, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path(name+".key"), raw, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(s.path(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(s.path("repository.yaml"), fmt.Appendf(nil, configuration, ocspKeys), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", commands)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "PATH="+filepath.Dir(s.dir)+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("preparing the room: %w\n%s", err, out)
	}
	return nil
}

// make lets a child write lists or responses: the peak memory of a process begins with that of its parent, which must
// stay small.
func (s settings) make(ctx context.Context, what, path string, number, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-contender", "make", "-dir", s.dir, what, path, strconv.Itoa(number),
		strconv.Itoa(n))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making %s: %w\n%s", path, err, out)
	}
	return nil
}

// making is the child of make.
func (s settings) making(args []string) error {
	number, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	c := &ca{now: time.Now().UTC().Truncate(time.Second)}
	if c.cert, err = s.issuer(); err != nil {
		return err
	}
	raw, err := os.ReadFile(s.path("sub.key"))
	if err != nil {
		return err
	}
	if c.key, err = x509.ParseECPrivateKey(raw); err != nil {
		return err
	}
	c.now = c.cert.NotBefore.Add(24 * time.Hour) // the same for every child
	if args[0] == "list" {
		return c.list(args[1], number, n)
	}
	return c.answers(args[1], n)
}

// serial is the n-th serial: 16 octets, rising with n.
func serial(n int) *big.Int {
	b := make([]byte, 16)
	b[0] = 0x5a
	big.NewInt(int64(n) + 1<<40).FillBytes(b[1:])
	return new(big.Int).SetBytes(b)
}

// list writes a list that revokes the first n serials.
func (c *ca) list(file string, number int64, n int) error {
	entries := make([]x509.RevocationListEntry, n)
	for i := range entries {
		entries[i] = x509.RevocationListEntry{SerialNumber: serial(i),
			RevocationTime: c.now.Add(-time.Hour - time.Duration(i%86400)*time.Second), ReasonCode: 4}
	}
	t := &x509.RevocationList{Number: big.NewInt(number),
		ThisUpdate: c.now.Add(time.Duration(number-100) * time.Second).Add(-time.Minute),
		NextUpdate: c.now.AddDate(0, 0, 30), RevokedCertificateEntries: entries}
	der, err := x509.CreateRevocationList(rand.Reader, t, c.cert, c.key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, der, 0o644)
}

// certificates imports the first n serials from the books of the CA.
func (s settings) certificates(ctx context.Context, n int) error {
	now := time.Now().UTC().Truncate(time.Second)
	file, err := os.Create(s.path("books.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "serial,not_before,not_after,subject,state")
	for i := range n {
		fmt.Fprintf(w, "%x,%s,%s,CN=subscriber %d,issued\n", serial(i), now.Add(-48*time.Hour).Format(time.RFC3339),
			now.AddDate(1, 0, 0).Format(time.RFC3339), i)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = s.signer(ctx, "(the room: import of the CA's books)", "import", "--issuer", "sub", "--csv",
		s.path("books.csv"))
	return err
}

// answers writes a response about each of the first n serials; the first one is revoked.
func (c *ca) answers(dir string, n int) error {
	for i := range n {
		t := ocsp.Response{Status: ocsp.Good, SerialNumber: serial(i), ThisUpdate: c.now.Add(-time.Minute),
			NextUpdate: c.now.Add(71 * time.Hour), IssuerHash: crypto.SHA1}
		if i == 0 {
			t.Status, t.RevokedAt, t.RevocationReason = ocsp.Revoked, c.now.Add(-time.Hour), 4
		}
		der, err := ocsp.CreateResponse(c.cert, c.cert, t, c.key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.ors", i)), der, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readList reads and checks a list as the standard library does.
func (s settings) readList(file string) error {
	der, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	issuer, err := s.issuer()
	if err != nil {
		return err
	}
	return l.CheckSignatureFrom(issuer)
}

// readAnswers reads and checks the responses of a folder as x/crypto does, one by one.
func (s settings) readAnswers(dir string) error {
	issuer, err := s.issuer()
	if err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		der, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		if _, err := ocsp.ParseResponse(der, issuer); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

func (s settings) issuer() (*x509.Certificate, error) {
	raw, err := os.ReadFile(s.path("sub.pem"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(bytes.TrimSpace(raw))
	if block == nil {
		return nil, fmt.Errorf("no PEM block in %s", s.path("sub.pem"))
	}
	return x509.ParseCertificate(block.Bytes)
}
