package evidence

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ledger/timestamp"
)

// Schema names the format of the answer, and of the file around it.
const Schema = "seihon/status-evidence/v1"

// MaxFile is the size below which a file stays.
const MaxFile = 100_000

// An Answer says what the status was, and what it rests on.
type Answer struct {
	Schema    string     `json:"schema"`
	Issuer    string     `json:"issuer"`
	Subject   string     `json:"subject"` // of the issuer's certificate
	Serial    string     `json:"serial"`
	Time      time.Time  `json:"time"`
	NotBefore *time.Time `json:"not_before,omitempty"` // of the certificate, where it was at hand
	NotAfter  *time.Time `json:"not_after,omitempty"`
	SHA256    string     `json:"certificate_sha256,omitempty"`

	Then  Claim   `json:"then"`
	Today Verdict `json:"today"`

	Log     Head      `json:"log"`
	Sources []*Source `json:"sources"`
}

// Head is the head of the log that the answer was made from.
type Head struct {
	Origin string   `json:"origin"`
	Size   int64    `json:"size"`
	Root   string   `json:"root"`
	Keys   []string `json:"keys"` // verifier keys that signed it
}

// Config says what a question is judged by.
type Config struct {
	Trust *artifact.Trust // with the pinned anchors; the log's CA certificates are added to it
	Now   func() time.Time
}

// An Evidence is an answer with the parts that show it.
type Evidence struct {
	Answer Answer
	Looked int // entries of the log that were read to find it
	parts  []part
}

// A part is one file inside the file.
type part struct {
	name  string
	bytes []byte
}

// Make answers a question from the master. The errors that a person caused are
// a BadQuestion or a NoAnswer.
func Make(ctx context.Context, log *ledger.Log, q Question, c Config) (*Evidence, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := q.complete(c.Now()); err != nil {
		return nil, err
	}
	s := &search{log: log, q: q, trust: c.Trust}
	n, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.inForceAt(ctx, n, q.Time, false)
	if err != nil {
		return nil, fmt.Errorf("looking for what was in force at %s: %w", stamp(q.Time), err)
	}
	if len(p.sources) == 0 && !p.answers {
		return nil, s.nothingInForce(p)
	}
	for _, src := range p.sources {
		src.Role = RoleThen
	}
	all, err := s.later(ctx, n, p.sources)
	if err != nil {
		return nil, fmt.Errorf("looking for what was said after %s: %w", stamp(q.Time), err)
	}
	atThen := then(p.sources, q.Certificate != nil)
	if s.unheardOf(p, all) {
		return nil,
			noAnswer("neither a list nor a response of %s names the serial %x, at %s or later: it was not issued by "+
				"then, or had expired; with the certificate itself the question can be answered", s.q.Issuer, q.Serial,
				stamp(q.Time))
	}
	e := &Evidence{Answer: s.answer(all, atThen)}
	if err := e.collect(ctx, s); err != nil {
		return nil, err
	}
	e.Looked = s.looked
	return e, nil
}

// begin finds the time in the log, and the issuer.
func (s *search) begin(ctx context.Context) (int64, error) {
	if s.log.Size() == 0 {
		return 0, noAnswer("the log %s has no entry yet", s.log.Origin())
	}
	first, err := s.entry(ctx, 0)
	if err != nil {
		return 0, err
	}
	if s.q.Time.Before(first.Time) {
		return 0, noAnswer("the log %s began at %s; it says nothing about %s", s.log.Origin(), stamp(first.Time),
			stamp(s.q.Time))
	}
	if err := s.findIssuer(ctx); err != nil {
		return 0, err
	}
	return s.entriesBy(ctx, s.q.Time)
}

func (s *search) nothingInForce(p *past) error {
	switch {
	case p.ended != nil:
		return noAnswer("no list or response of %s was in force at %s: the newest, %s number %s, had ended at %s",
			s.q.Issuer, stamp(s.q.Time), p.ended.Name, p.ended.Number, stamp(p.ended.NotAfter))
	case p.seen:
		return noAnswer("none of the lists and responses of %s that were in force at %s is about this certificate",
			s.q.Issuer, stamp(s.q.Time))
	}
	return noAnswer("the log has no list and no response of %s that was recorded by %s", s.q.Issuer, stamp(s.q.Time))
}

// unheardOf reports whether the issuer had answers in force and none about the
// serial, while no list names it and nobody has the certificate.
func (s *search) unheardOf(p *past, all []*Source) bool {
	if s.q.Certificate != nil || !p.answers {
		return false
	}
	for _, src := range all {
		if src.Says.Status != NotListed && src.Says.Status != Unknown {
			return false
		}
	}
	return true
}

func (s *search) answer(all []*Source, atThen Claim) Answer {
	a := Answer{
		Schema: Schema, Issuer: s.q.Issuer, Subject: s.issuer.Subject.String(), Serial: hex.EncodeToString(s.q.Serial),
		Time: s.q.Time,
		Then: atThen, Today: today(s.q.Time, atThen, all), Sources: all,
		Log: Head{Origin: s.log.Origin(), Size: s.log.Size(), Root: s.log.Root().String(), Keys: s.log.Keys()},
	}
	if c := s.q.Certificate; c != nil {
		from, to := c.NotBefore.UTC(), c.NotAfter.UTC()
		a.NotBefore, a.NotAfter, a.SHA256 = &from, &to, artifact.Sum(c.Raw).String()
	}
	return a
}

// collect makes the parts of the file: what every answer needs first, then the
// lists and responses as far as they fit.
func (e *Evidence) collect(ctx context.Context, s *search) error {
	path, err := authorities(s.issuer, s.trust)
	if err != nil {
		return err
	}
	for i, c := range path {
		e.add(fmt.Sprintf("authority-%d.cer", i), c.Raw)
	}
	if c := s.q.Certificate; c != nil {
		e.add("certificate.cer", c.Raw)
	}
	e.add("log.checkpoint", s.log.Checkpoint())
	stamped, err := s.log.Stamped()
	if err != nil {
		return err
	}
	for i, src := range e.Answer.Sources {
		src.Part = fmt.Sprintf("%s-%d", src.Role, i+1)
		if err := e.prove(ctx, s.log, src, stamped); err != nil {
			return err
		}
	}
	for _, responses := range []bool{true, false} { // responses are small, and say it by themselves
		for _, src := range e.Answer.Sources {
			if (src.list == nil) == responses {
				e.include(src)
			}
		}
	}
	if n := len(e.Bytes()); n >= MaxFile {
		return fmt.Errorf("the proofs alone have %d bytes, which is more than the %d of a file", n, MaxFile)
	}
	return nil
}

func (e *Evidence) add(name string, b []byte) {
	for _, p := range e.parts {
		if p.name == name {
			return
		}
	}
	e.parts = append(e.parts, part{name, b})
}

// prove adds the inclusion proof of a source's line, under the first
// checkpoint that was time-stamped with it where there is one.
func (e *Evidence) prove(ctx context.Context, log *ledger.Log, src *Source, stamped []int64) error {
	for _, size := range stamped {
		if size <= src.Entry {
			continue
		}
		ok, err := e.stampedProof(ctx, log, src, size)
		if err != nil {
			return err
		}
		if ok {
			break
		}
	}
	if src.Stamped != nil && slices.Equal(src.Stamped.Keys, log.Keys()) {
		return nil
	}
	// The log's keys were rotated since, or nobody stamped it: the newest
	// checkpoint is the one that today's keys signed.
	proof, err := log.ProveLine(ctx, src.Entry, src.line)
	if err != nil {
		return err
	}
	e.add(src.Part+".proof", proof)
	return nil
}

// stampedProof adds the proof under one checkpoint with its token; false when
// no token is of use.
func (e *Evidence) stampedProof(ctx context.Context, log *ledger.Log, src *Source, size int64) (bool, error) {
	signed, err := log.ArchivedCheckpoint(ctx, size)
	if err != nil {
		return false, err
	}
	keys, err := log.SignedBy(ctx, signed)
	if err != nil {
		return false, err
	}
	paths, err := log.Tokens(size)
	if err != nil {
		return false, err
	}
	for _, path := range paths {
		token, err := log.ReadToken(path)
		if err != nil {
			return false, err
		}
		at, err := timestamp.Claimed(token, signed)
		if err != nil || len(token) > MaxFile/8 {
			continue
		}
		proof, err := log.ProveLineAt(ctx, src.Entry, src.line, signed)
		if err != nil {
			return false, err
		}
		src.Stamped = &Stamped{Size: size, Token: fmt.Sprintf("checkpoint-%d.tsr", size), Time: at, Keys: keys}
		e.add(src.Stamped.Token, token)
		e.add(src.proofUnder(log.Keys()), proof)
		return true, nil
	}
	return false, nil
}

// proofUnder is the name of the part with the proof under a stamped checkpoint.
func (s *Source) proofUnder(keys []string) string {
	if slices.Equal(s.Stamped.Keys, keys) {
		return s.Part + ".proof"
	}
	return s.Part + ".stamped.proof"
}

// include adds the bytes of a source if the file stays below its limit.
func (e *Evidence) include(src *Source) {
	if len(src.der)*4/3 > MaxFile {
		return
	}
	src.Included = true
	e.parts = append(e.parts, part{src.bytesPart(), src.der})
	if len(e.Bytes()) >= MaxFile {
		src.Included = false
		e.parts = e.parts[:len(e.parts)-1]
	}
}

// bytesPart is the name of the part with a source's own bytes.
func (s *Source) bytesPart() string {
	if s.Kind == artifact.OCSPResponse {
		return s.Part + ".ocsp"
	}
	return s.Part + ".crl"
}

// Certificate reads a certificate file, PEM or DER.
func Certificate(b []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(b)
	if block != nil {
		if next, _ := pem.Decode(rest); next != nil {
			return nil, errors.New("it holds more than one certificate: give the one that is asked about")
		}
		b = block.Bytes
	}
	return artifact.ParseCertificate(b)
}
