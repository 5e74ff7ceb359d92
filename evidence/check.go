package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ledger/timestamp"
)

// Pins are what a reader believes: from where the CA and the time-stamping
// authorities published it, never from the file.
type Pins struct {
	Log         *ledger.Verifier
	Anchors     []*x509.Certificate
	Authorities []timestamp.Authority // none: the tokens are read, and not verified
}

// A Report is what a file was found to show.
type Report struct {
	Answer  Answer
	Missing []*Source // artifacts that are not in the file: what they say is the file's word until they are compared
	Stamps  int       // tokens that were verified
	Tokens  int       // tokens in the file
}

// Check reads a file and proves everything in it from the pins: signatures,
// inclusion, dates, and that the answer is the one that follows from them.
func Check(file []byte, p Pins) (*Report, error) {
	e, err := Parse(file)
	if err != nil {
		return nil, err
	}
	c := &check{e: e, a: &e.Answer, pins: p, report: &Report{Answer: e.Answer}, used: map[string]bool{}}
	for _, step := range []func() error{c.head, c.authorities, c.question, c.sources, c.verdicts, c.nothingElse} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("checking status evidence: %w", err)
		}
	}
	return c.report, nil
}

type check struct {
	e      *Evidence
	a      *Answer
	pins   Pins
	report *Report
	trust  *artifact.Trust
	q      Question
	issuer *x509.Certificate
	used   map[string]bool // parts that something was proved with
	tokens map[string]bool
}

// take gives a part that must be there.
func (c *check) take(name string) ([]byte, error) {
	b, ok := c.e.part(name)
	if !ok {
		return nil, fmt.Errorf("the part %s is missing", name)
	}
	c.used[name] = true
	return b, nil
}

func (c *check) head() error {
	b, err := c.take("log.checkpoint")
	if err != nil {
		return err
	}
	cp, err := c.pins.Log.Open(b)
	if err != nil {
		return fmt.Errorf("%w; a file is checked with the keys that the log had when it was made", err)
	}
	want := Head{Origin: cp.Origin, Size: cp.Size, Root: cp.Root.String(), Keys: c.pins.Log.Keys()}
	return same("the head of the log", c.a.Log, want)
}

// same compares what the answer says with what was proved, and names the first
// thing that differs.
func same(what string, got, want any) error {
	g, err := json.Marshal(got)
	w, err2 := json.Marshal(want)
	if err = errors.Join(err, err2); err != nil || bytes.Equal(g, w) {
		return err
	}
	var fields, proved map[string]json.RawMessage
	if json.Unmarshal(g, &fields) == nil && json.Unmarshal(w, &proved) == nil {
		for _, k := range slices.Sorted(maps.Keys(proved)) {
			if !bytes.Equal(fields[k], proved[k]) {
				return same(what+"'s "+k, fields[k], proved[k])
			}
		}
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			if proved[k] == nil {
				return fmt.Errorf("%s has a %s, %.80s, which the parts do not show", what, k, fields[k])
			}
		}
	}
	return fmt.Errorf("%s: the answer has %.80s, the parts show %.80s", what, g, w)
}

// authorities builds the trust from the anchors and the certificates of the file.
func (c *check) authorities() error {
	c.trust = artifact.NewTrust(c.pins.Anchors, nil)
	var path []*x509.Certificate
	for i := 0; ; i++ {
		name := fmt.Sprintf("authority-%d.cer", i)
		if _, ok := c.e.part(name); !ok {
			break
		}
		b, err := c.take(name)
		if err != nil {
			return err
		}
		cert, err := artifact.ParseCertificate(b)
		if err != nil {
			return fmt.Errorf("the part %s: %w", name, err)
		}
		path = append(path, cert)
	}
	if len(path) == 0 {
		return errors.New("there is no certificate of the authority")
	}
	for i := len(path) - 1; i >= 0; i-- {
		if err := c.trust.Add(path[i]); err != nil {
			return fmt.Errorf("the part authority-%d.cer does not lead to a pinned anchor: %w", i, err)
		}
	}
	c.issuer = path[0]
	if want, err := authorities(c.issuer, c.trust); err != nil || len(want) != len(path) {
		return errors.Join(errors.New("the certificates of the authorities are not one path to an anchor"), err)
	}
	return same("the issuer's subject", c.a.Subject, c.issuer.Subject.String())
}

func (c *check) question() error {
	serial, err := hex.DecodeString(c.a.Serial)
	if err != nil || len(serial) == 0 || c.a.Issuer == "" {
		return errors.New("the answer names no certificate")
	}
	c.q = Question{Issuer: c.a.Issuer, Serial: serial, Time: c.a.Time}
	again, err := ParseSerial(c.a.Serial)
	if err != nil || !bytes.Equal(again, serial) {
		return errors.Join(fmt.Errorf("the serial %s is not as a certificate has it", c.a.Serial), err)
	}
	if c.a.Time.Nanosecond() != 0 || c.a.Time.Location() != time.UTC {
		return errors.New("the time is not in whole seconds of UTC")
	}
	if _, ok := c.e.part("certificate.cer"); !ok {
		if c.a.SHA256 != "" || c.a.NotBefore != nil || c.a.NotAfter != nil {
			return errors.New("the certificate is missing")
		}
		return nil
	}
	b, err := c.take("certificate.cer")
	if err != nil {
		return err
	}
	cert, err := artifact.ParseCertificate(b)
	if err != nil {
		return fmt.Errorf("the part certificate.cer: %w", err)
	}
	if !bytes.Equal(cert.RawIssuer, c.issuer.RawSubject) || cert.CheckSignatureFrom(c.issuer) != nil {
		return errors.New("the certificate was not signed by the authority")
	}
	c.q.Certificate = cert
	from, to := cert.NotBefore.UTC(), cert.NotAfter.UTC()
	want := Answer{Serial: hex.EncodeToString(artifact.SerialBytes(cert)), NotBefore: &from, NotAfter: &to,
		SHA256: artifact.Sum(b).String()}
	got := Answer{Serial: c.a.Serial, NotBefore: c.a.NotBefore, NotAfter: c.a.NotAfter, SHA256: c.a.SHA256}
	return same("the certificate", got, want)
}

func (c *check) verdicts() error {
	var in []*Source
	for _, s := range c.a.Sources {
		if s.Role == RoleThen {
			in = append(in, s)
		}
	}
	want := then(in, c.q.Certificate != nil)
	if err := same("the status then", c.a.Then, want); err != nil {
		return err
	}
	return same("the status as known today", c.a.Today, today(c.a.Time, want, c.a.Sources))
}

// nothingElse refuses parts that prove nothing, and an answer of another form.
func (c *check) nothingElse() error {
	if len(c.used) != len(c.e.parts) {
		return errors.New("it has parts that belong to nothing in the answer, or one part twice")
	}
	return same("the form", c.a.Schema, Schema)
}
