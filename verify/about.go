package verify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// An About says who made a report, for whom and with what. Only Now is used by the check itself.
type About struct {
	Auditor       string `json:"auditor,omitempty"`       // who verified
	Body          string `json:"body,omitempty"`          // the survey body (調査機関) that the report is for
	Tool          *Tool  `json:"tool,omitempty"`          // the running program
	Configuration *Cited `json:"configuration,omitempty"` // the file that names what is believed

	// Now says that the time of the check was given instead of read from a clock. Then no time of reading is recorded: it would
	// not be true, and the same input gives the same bytes.
	Now bool `json:"now_given,omitempty"`
}

// A Tool is the program that verified.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Go      string `json:"go"` // the toolchain
	SHA256  string `json:"sha256"`
}

// A Cited is a file that the report relies on or comes with, by its digest.
type Cited struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// A Pin is something that the check believes without proof. Kinds are API.
type Pin struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the certificate's DER, or of the key's text without line feed
}

// The kinds of pins.
const (
	PinMasterLog      = "master-log-key"
	PinPublicationLog = "publication-log-key"
	PinAnchor         = "anchor"
	PinPartner        = "partner"
	PinOverride       = "override-key"
	PinTimestamp      = "timestamp-root"
	PinWitness        = "witness-key"
	PinVantage        = "vantage-key" // of an outside vantage that signs samples
	PinFile           = "pins-file"   // the auditor's file that the configuration was held against
)

// pins lists what this check was told to believe.
func (c *checker) pins() []Pin {
	pins := []Pin{}
	if c.Pins != nil {
		pins = append(pins, Pin{PinFile, PinsSchema, c.PinsDigest.String()})
	}
	text := func(kind string, keys ...string) {
		for _, k := range keys {
			pins = append(pins, Pin{kind, k, artifact.Sum([]byte(k)).String()})
		}
	}
	certs := func(kind string, all []*x509.Certificate) {
		for _, cert := range all {
			pins = append(pins, Pin{kind, cert.Subject.String(), artifact.Sum(cert.Raw).String()})
		}
	}
	text(PinMasterLog, c.Verifier.Keys()...)
	if c.PublicationVerifier != nil {
		text(PinPublicationLog, c.PublicationVerifier.Keys()...)
	}
	certs(PinAnchor, c.Policy.Trust.Anchors())
	certs(PinPartner, c.Policy.Trust.Partners())
	for _, key := range c.OverrideKeys {
		sum := sha256.Sum256(key)
		pins = append(pins, Pin{PinOverride, "Ed25519", artifact.Digest(sum).String()})
	}
	for _, t := range c.Timestamps {
		certs(PinTimestamp, t.Anchors)
	}
	for _, w := range c.Witnesses {
		text(PinWitness, w.String())
	}
	for _, v := range c.Vantages {
		text(PinVantage, fmt.Sprint(v))
	}
	return pins
}

// A Period is the time that a report is about: from the newest checkpoint that the auditor had seen before, or else from the
// log's first entry, to the time of the check.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// describe puts the circumstances of the check into its report.
func (c *checker) describe(ctx context.Context, r *Report) {
	r.Pins = c.pins()
	if about := c.About; about != (About{}) {
		r.About = &about
	}
	r.Period.To = c.now
	if c.log == nil {
		return
	}
	from := int64(0)
	for _, known := range c.Known {
		if cp, err := ledger.ParseCheckpoint(known); err == nil && cp.Origin == c.log.Origin() && cp.Size <= c.log.Size() {
			from = max(from, cp.Size-1)
		}
	}
	if e, err := c.log.Entry(ctx, from); err == nil {
		r.Period.From = e.Time
	}
}
