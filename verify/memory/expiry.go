package memory

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// A Statement is one line of an `expiry` entry: the room says that a certificate expired.
type Statement struct {
	Index    int64
	Issuer   string // its name in the ledger
	Serial   string // hexadecimal
	NotAfter time.Time
}

// A Certificate is one whose notAfter the verifier has seen itself.
type Certificate struct {
	Issuer   string // identity
	Serial   []byte // content octets of the DER INTEGER
	NotAfter time.Time
	Name     string
}

// A subject is one certificate. Issuers are numbered, since there are few and their identities are
// long.
type subject struct {
	issuer int32
	serial string // octets without a leading zero
}

// books are what is known about when certificates expire.
type books struct {
	mu         sync.Mutex
	issuers    map[string]int32 // by identity
	named      func(string) []string
	certs      map[subject]knownCertificate
	statements map[subject]statement
	permits    map[subject][]permit
}

type knownCertificate struct {
	notAfter int64
	name     string
}

type statement struct {
	index, notAfter int64
}

func newBooks(named func(string) []string) *books {
	return &books{
		issuers: map[string]int32{}, named: named, certs: map[subject]knownCertificate{},
		statements: map[subject]statement{}, permits: map[subject][]permit{},
	}
}

// subject makes the key of a certificate from the octets of its serial number.
func (b *books) subject(issuer string, serial []byte) subject {
	return subject{b.number(issuer), string(trimZero(serial))}
}

func (b *books) number(issuer string) int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, ok := b.issuers[issuer]
	if !ok {
		n = int32(len(b.issuers))
		b.issuers[issuer] = n
	}
	return n
}

// trimZero leaves out the octet that keeps a positive INTEGER from looking negative.
func trimZero(serial []byte) []byte {
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	return serial
}

// parseSerial reads hexadecimal with or without a leading zero, as serial numbers are written in
// the ledger.
func parseSerial(s string) ([]byte, error) {
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%.60q is no serial number in hexadecimal", s)
	}
	return trimZero(b), nil
}

func serialText(serial []byte) string { return new(big.Int).SetBytes(serial).Text(16) }

// enterCertificate remembers a certificate of the master.
func (b *books) enterCertificate(c Certificate) {
	b.certs[b.subject(c.Issuer, c.Serial)] = knownCertificate{c.NotAfter.Unix(), c.Name}
}

// enterStatement remembers a statement and holds it against what is known already.
func (b *books) enterStatement(s Statement, t *tally) {
	where := Artifact{Name: statementName(s.Index, s.Issuer), Index: s.Index}
	serial, err := parseSerial(s.Serial)
	if err != nil {
		t.add(Fault{Code: CodeExpiry, Old: where, New: where, Why: err.Error()})
		return
	}
	identities := b.named(s.Issuer)
	if len(identities) == 0 {
		t.add(Fault{Code: CodeExpiry, Old: where, New: where, Why: "the ledger has no certificate of such an issuer"})
	}
	for _, id := range identities {
		key := subject{b.number(id), string(serial)}
		if cert, ok := b.certs[key]; ok && cert.notAfter != s.NotAfter.Unix() {
			t.add(falseStatement(where, s.NotAfter.Unix(), cert), s.Serial)
		}
		old, twice := b.statements[key]
		if twice && old.notAfter != s.NotAfter.Unix() {
			was, now := timeText(old.notAfter), timeText(s.NotAfter.Unix())
			t.add(Fault{Code: CodeTwoDates, Old: where, New: where, Was: was, Now: now,
				Why: fmt.Sprintf("it says %s, log entry %d says %s", now, old.index, was)}, s.Serial)
		}
		if !twice {
			b.statements[key] = statement{s.Index, s.NotAfter.Unix()}
		}
	}
}

func statementName(index int64, issuer string) string {
	return fmt.Sprintf("the statement of log entry %d about %s", index, issuer)
}

func falseStatement(where Artifact, said int64, cert knownCertificate) Fault {
	was, now := timeText(cert.notAfter), timeText(said)
	return Fault{Code: CodeExpiry, Old: where, New: where, Was: was, Now: now,
		Why: fmt.Sprintf("it says %s, the certificate (%s) expires at %s", now, cert.name, was)}
}

// enterOverride remembers what an override lets pass, if it counts.
func (b *books) enterOverride(o Override, p Signed, t *tally) {
	where := Artifact{Name: fmt.Sprintf("the override of log entry %d about %s", o.Index, o.Issuer), Index: o.Index}
	if p.Problem != "" {
		t.add(Fault{Code: CodeOverride, Old: where, New: where, Why: p.Problem})
		return
	}
	for _, c := range o.Changes {
		serial, err := parseSerial(c.Serial)
		was, err1 := readStanding(c.Was)
		now, err2 := readStanding(c.Now)
		for _, err := range []error{err, err1, err2} {
			if err != nil {
				t.add(Fault{Code: CodeOverride, Old: where, New: where, Why: err.Error()})
			}
		}
		if err != nil || err1 != nil || err2 != nil {
			continue
		}
		for _, id := range b.named(o.Issuer) {
			key := subject{b.number(id), string(serial)}
			b.permits[key] = append(b.permits[key], permit{o.Index, was, now, p.Allow})
		}
	}
}

// permitted reports whether an override covers a step. It stands in the log between the two
// artifacts: one that was used before does not count again.
func (b *books) permitted(who subject, s step) bool {
	for _, p := range b.permits[who] {
		if p.index > s.old.Index && p.index < s.now.Index && p.lets(s.was, s.is, s.isAnswer) {
			return true
		}
	}
	return false
}

// expired reports whether a certificate had expired at a time, by what stands in the log before an
// entry. sure is false when only an inventory could tell that it had.
func (b *books) expired(who subject, at, before int64) (expired, sure bool) {
	if cert, ok := b.certs[who]; ok {
		return cert.notAfter < at, true
	}
	s, ok := b.statements[who]
	return ok && s.index < before && s.notAfter < at, ok && s.index < before && s.notAfter < at
}
