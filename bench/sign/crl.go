package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/bench/bar"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/inventory/source"
)

const issuerName = "sub"

// crlPart fills an inventory and compares the ways to a CRL.
func crlPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	if _, _, err := makeCA(s); err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, "openssl", "version").Output()
	if err != nil {
		return nil, fmt.Errorf("asking OpenSSL for its version: %w", err)
	}
	if err := crlStep(ctx, s, "fill", s.entries); err != nil {
		return nil, err
	}
	took := map[string][]float64{}
	rss := map[string]float64{}
	contenders := []string{"seihon", "memory", "library", "openssl"} // memory compares with the list that seihon made
	for range s.rounds {
		for _, c := range contenders {
			r, err := crlRun(ctx, s, c)
			if err != nil {
				return nil, err
			}
			took[c] = append(took[c], r.elapsed.Seconds())
			rss[c] = max(rss[c], r.rss)
			if err := crlStep(ctx, s, "check "+c, s.entries); err != nil {
				return nil, err
			}
		}
	}
	names := map[string]string{"seihon": "seihon, from the inventory",
		"memory":  "seihon, and held against its predecessor",
		"library": "x509.CreateRevocationList, from the inventory",
		"openssl": "openssl ca -gencrl, from index.txt"}
	fmt.Printf("\n%-48s %10s %10s   CRL of %d entries, RSA-2048; %s\n", "", "seconds", "peak MiB", s.entries,
		strings.Join(strings.Fields(string(version))[:2], " "))
	for _, c := range contenders {
		fmt.Printf("%-48s %10.2f %10.0f\n", names[c], median(took[c]), rss[c])
	}
	bars := []bar.Bar{
		bar.AtLeast("sign-crl-openssl", ratio(took["openssl"], took["seihon"]), 5),
		bar.AtLeast("sign-crl-library", ratio(took["library"], took["seihon"]), 3),
		bar.AtMost("sign-crl-mib", rss["seihon"], 128),
		bar.AtMost("sign-crl-memory", ratio(took["memory"], took["seihon"]), 1.3),
		bar.AtMost("sign-crl-memory-mib", rss["memory"], 128),
	}
	if s.many == 0 {
		return bars, nil
	}
	if err := crlStep(ctx, s, "fill", s.many); err != nil {
		return nil, err
	}
	r, err := crlRun(ctx, s, "seihon")
	if err != nil {
		return nil, err
	}
	if err := crlStep(ctx, s, "check seihon", s.many); err != nil {
		return nil, err
	}
	fmt.Printf("%-48s %10.2f %10.0f\n", fmt.Sprintf("seihon, %d entries", s.many), r.elapsed.Seconds(), r.rss)
	return append(bars, bar.AtMost("sign-crl-many-mib", r.rss, 128)), nil
}

// crlStep runs a step that is not measured. It too is a process of its own: what this process once held would count
// as the peak memory of those that it starts later.
func crlStep(ctx context.Context, s settings, step string, n int) error {
	s.entries = n
	_, err := measure(ctx, s, "crl/"+step)
	return err
}

// fillInventory writes an index as `openssl ca` keeps it, n revoked certificates, every other with a reason, and
// imports it into a new inventory. Serial numbers are random, as CAs must draw them.
func fillInventory(ctx context.Context, s settings, n int) error {
	if err := writeIndex(s.path("index.txt"), n); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.RemoveAll(s.path("inventory.db") + suffix); err != nil {
			return err
		}
	}
	db, err := openInventory(ctx, s)
	if err != nil {
		return err
	}
	f, err := os.Open(s.path("index.txt"))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = db.AddIssuer(ctx, inventory.Issuer{Name: issuerName, Key: artifact.Sum([]byte("key")), Shards: 256})
	if err == nil {
		_, err = db.Import(ctx,
			inventory.Import{Issuer: issuerName, Source: source.OpenSSLIndex(f, source.Options{Name: "index.txt"})})
	}
	return errors.Join(err, f.Close(), db.Close())
}

func writeIndex(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range n {
		reason := ""
		if i%2 == 0 {
			reason = ",keyCompromise"
		}
		fmt.Fprintf(w, "R\t280101000000Z\t%s%s\t%016X%016X\tunknown\t/C=JP/O=Example Authority/CN=subscriber %07d\n",
			now.Add(-time.Duration(r.IntN(300*24*3600))*time.Second).Format("060102150405Z"), reason,
			r.Uint64()>>1|1<<62, r.Uint64(), i)
	}
	return errors.Join(w.Flush(), f.Close())
}

func openInventory(ctx context.Context, s settings) (*inventory.DB, error) {
	return inventory.Open(ctx,
		inventory.Config{DSN: "sqlite:" + s.path("inventory.db"), Now: func() time.Time { return now }})
}

// crlRun measures the whole process of one contender.
func crlRun(ctx context.Context, s settings, contender string) (result, error) {
	if contender != "openssl" {
		return measure(ctx, s, "crl/"+contender)
	}
	for name, content := range map[string]string{
		"index.txt.attr": "unique_subject = no\n",
		"crlnumber":      "2A\n",
		"ca.cnf": "[ca]\ndefault_ca = d\n[d]\ndatabase = " + s.path("index.txt") + "\ncrlnumber = " +
			s.path("crlnumber") +
			"\ndefault_md = sha256\ndefault_crl_days = 4\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n",
	} {
		if err := os.WriteFile(s.path(name), []byte(content), 0o600); err != nil {
			return result{}, err
		}
	}
	return runCommand(exec.CommandContext(ctx, "openssl", "ca", "-gencrl", "-config", s.path("ca.cnf"), "-keyfile",
		s.path("ca.key"),
		"-cert", s.path("ca.pem"), "-out", s.path("openssl.crl")))
}

// checkCRL verifies the CRL of a contender and counts its entries.
func checkCRL(s settings, contender string, want int) error {
	der, err := os.ReadFile(s.path(contender + ".crl"))
	if err == nil && contender == "openssl" { // writes PEM
		der, err = readPEM(s.path("openssl.crl"))
	}
	if err != nil {
		return err
	}
	ca, err := readCertificate(s.path("ca.pem"))
	if err != nil {
		return err
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return err
	}
	if err := list.CheckSignatureFrom(ca); err != nil {
		return err
	}
	n := 0
	for _, err := range list.Entries() {
		if err != nil {
			return err
		}
		n++
	}
	if n != want {
		return fmt.Errorf("it has %d entries, not %d", n, want)
	}
	return nil
}

// crlChild runs one step or contender.
func crlChild(ctx context.Context, s settings, which string) error {
	step, name, _ := strings.Cut(which, " ")
	switch step {
	case "fill":
		return fillInventory(ctx, s, s.entries)
	case "check":
		if err := checkCRL(s, name, s.entries); err != nil {
			return fmt.Errorf("checking the CRL of %s: %w", name, err)
		}
		return nil
	}
	return makeCRL(ctx, s, which)
}

// makeCRL makes a CRL from the inventory.
func makeCRL(ctx context.Context, s settings, which string) error {
	ca, err := readCertificate(s.path("ca.pem"))
	if err != nil {
		return err
	}
	key, err := readKey(s.path("ca.key"))
	if err != nil {
		return err
	}
	db, err := openInventory(ctx, s)
	if err != nil {
		return err
	}
	defer db.Close()
	// What expired before the last CRL is left out, as in the signing room.
	revoked := db.Revoked(ctx, issuerName, inventory.RevokedOptions{ExpiredBefore: now.Add(-24 * time.Hour)})
	out, err := os.Create(s.path(which + ".crl"))
	if err != nil {
		return err
	}
	lines := entries(revoked)
	if which == "memory" {
		old, err := predecessor(s)
		if err != nil {
			return errors.Join(err, out.Close())
		}
		lines = old.Watch(lines)
	}
	if which == "seihon" || which == "memory" {
		_, err = crl.Encode(ctx,
			out, crl.Template{Issuer: ca, Number: big.NewInt(42), ThisUpdate: now, NextUpdate: now.Add(96 * time.Hour)},
			lines, key, crl.Options{SpoolDir: s.dir})
		return errors.Join(err, out.Close())
	}
	list := &x509.RevocationList{Number: big.NewInt(42), ThisUpdate: now, NextUpdate: now.Add(96 * time.Hour)}
	for r, err := range revoked {
		if err != nil {
			return err
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: new(big.Int).SetBytes(r.Serial), RevocationTime: r.Time, ReasonCode: max(r.Reason, 0)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca, key)
	if err == nil {
		_, err = out.Write(der)
	}
	return errors.Join(err, out.Close())
}

// predecessor is the list that seihon made in the same round, as the room holds it against the next one.
func predecessor(s settings) (*memory.List, error) {
	der, err := os.ReadFile(s.path("seihon.crl"))
	if err != nil {
		return nil, err
	}
	list, err := artifact.ParseRevocationList(der)
	return &memory.List{Old: list}, err
}

func entries(revoked iter.Seq2[inventory.RevokedCertificate, error]) iter.Seq2[crl.Entry, error] {
	return func(yield func(crl.Entry, error) bool) {
		for r, err := range revoked {
			if !yield(crl.Entry{Serial: r.Serial, Time: r.Time, Reason: r.Reason, InvalidityDate: r.InvalidityDate},
				err) {
				return
			}
		}
	}
}
