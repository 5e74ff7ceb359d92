package verify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// pins lists what this check was told to believe.
func (c *checker) pins() []report.Pin {
	pins := []report.Pin{}
	if c.Pins != nil {
		pins = append(pins, report.Pin{Kind: report.PinFile, Name: PinsSchema, SHA256: c.PinsDigest.String()})
	}
	text := func(kind string, keys ...string) {
		for _, k := range keys {
			pins = append(pins, report.Pin{Kind: kind, Name: k, SHA256: artifact.Sum([]byte(k)).String()})
		}
	}
	certs := func(kind string, all []*x509.Certificate) {
		for _, cert := range all {
			pins = append(pins,
				report.Pin{Kind: kind, Name: cert.Subject.String(), SHA256: artifact.Sum(cert.Raw).String()})
		}
	}
	text(report.PinMasterLog, c.Verifier.Keys()...)
	if c.PublicationVerifier != nil {
		text(report.PinPublicationLog, c.PublicationVerifier.Keys()...)
	}
	certs(report.PinAnchor, c.Policy.Trust.Anchors())
	certs(report.PinPartner, c.Policy.Trust.Partners())
	for _, key := range c.OverrideKeys {
		sum := sha256.Sum256(key)
		pins = append(pins,
			report.Pin{Kind: report.PinOverride, Name: "Ed25519", SHA256: artifact.Digest(sum).String()})
	}
	for _, t := range c.Timestamps {
		certs(report.PinTimestamp, t.Anchors)
	}
	for _, w := range c.Witnesses {
		text(report.PinWitness, w.String())
	}
	for _, v := range c.Vantages {
		text(report.PinVantage, fmt.Sprint(v))
	}
	return pins
}

// describe puts the circumstances of the check into its report.
func (c *checker) describe(ctx context.Context, r *report.Report) {
	r.Pins = c.pins()
	if about := c.About; about != (report.About{}) {
		r.About = &about
	}
	r.Period.To = c.now
	if c.log == nil {
		return
	}
	from := int64(0)
	for _, known := range c.Known {
		if cp, err := ledger.ParseCheckpoint(known); err == nil && cp.Origin == c.log.Origin() &&
			cp.Size <= c.log.Size() {
			from = max(from, cp.Size-1)
		}
	}
	if e, err := c.log.Entry(ctx, from); err == nil {
		r.Period.From = e.Time
	}
}
