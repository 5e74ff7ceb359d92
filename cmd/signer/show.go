package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/internal/cliexit"
	"seihon/inventory"
)

// shownCertificate is what the inventory knows of one certificate. It is private: it has the certificate.
type shownCertificate struct {
	Issuer         string     `json:"issuer"`
	Serial         string     `json:"serial"`
	State          string     `json:"state"`
	Kind           string     `json:"kind"`
	Subject        string     `json:"subject"`
	NotBefore      *time.Time `json:"not_before,omitempty"`
	NotAfter       *time.Time `json:"not_after,omitempty"`
	Imported       bool       `json:"imported"` // it was not issued here
	RevokedAt      *time.Time `json:"revoked_at,omitempty"`
	Reason         string     `json:"reason,omitempty"`
	InvalidityDate *time.Time `json:"invalidity_date,omitempty"`
	ThisUpdate     *time.Time `json:"this_update,omitempty"` // of the newest OCSP response
	NextUpdate     *time.Time `json:"next_update,omitempty"`
	Certificate    []byte     `json:"certificate,omitempty"` // DER
}

func showCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "show",
		Usage: "show one certificate, its status and its newest response, from the inventory; private: it is the " +
			"certificate itself",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`", Required: true},
			&cli.StringFlag{Name: "serial", Usage: "the serial in `HEX`", Required: true},
			&cli.StringFlag{Name: "out", Usage: "write the certificate as PEM to the new `FILE`; default: stdout"},
		),
		Action: func(c *cli.Context) error {
			serial, err := inventory.ParseSerial(c.String("serial"))
			if err != nil {
				return cliexit.UsageError("--serial: %w", err)
			}
			if out := c.String("out"); out != "" {
				if err := absent("out", out); err != nil {
					return err
				}
			}
			return withBooks(c, now, func(b *books.Books) error {
				e, err := b.Get(c.Context, c.String("issuer"), serial)
				if err != nil {
					return err
				}
				return show(c, e)
			})
		},
	}
}

// show prints a certificate. One that was only reserved has no body to write.
func show(c *cli.Context, e *inventory.Entry) error {
	s, out := shownOf(e), c.String("out")
	if out != "" && e.DER == nil {
		return fmt.Errorf("serial %s of %s is %s: the inventory has no certificate to write", s.Serial, s.Issuer,
			s.State)
	}
	if out != "" {
		if err := writeNew(out, 0o644, func(w io.Writer) error { return encodePEM(w, e.DER) }); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return answer(c, s)
	}
	if err := s.text(c.App.Writer); err != nil || out != "" || e.DER == nil {
		return err
	}
	return encodePEM(c.App.Writer, e.DER)
}

func encodePEM(w io.Writer, der []byte) error {
	return pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func shownOf(e *inventory.Entry) shownCertificate {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	s := shownCertificate{Issuer: e.Issuer, Serial: fmt.Sprintf("%x", e.Serial), State: e.State.String(),
		Kind: string(e.Kind), Subject: e.Subject,
		NotBefore: known(e.NotBefore), NotAfter: known(e.NotAfter), Imported: e.Imported,
		ThisUpdate: known(e.ThisUpdate), NextUpdate: known(e.NextUpdate), Certificate: e.DER}
	if e.State == inventory.Revoked {
		s.RevokedAt, s.Reason, s.InvalidityDate = known(e.Revocation.Time), inventory.ReasonName(e.Revocation.Reason),
			known(e.Revocation.InvalidityDate)
	}
	return s
}

// text writes a line for each thing that is known.
func (s *shownCertificate) text(w io.Writer) error {
	at := func(t *time.Time) string { return t.Format(time.RFC3339) }
	lines := [][2]string{{"issuer", s.Issuer}, {"serial", s.Serial}, {"state", s.State}}
	if s.Imported {
		lines = append(lines, [2]string{"imported", "it was not issued here"})
	}
	if s.Subject != "" {
		lines = append(lines, [2]string{"subject", s.Subject})
	}
	if s.NotBefore != nil && s.NotAfter != nil {
		lines = append(lines, [2]string{"valid", at(s.NotBefore) + " to " + at(s.NotAfter)})
	}
	if s.RevokedAt != nil {
		lines = append(lines, [2]string{"revoked", at(s.RevokedAt) + " for " + s.Reason})
	}
	if s.InvalidityDate != nil {
		lines = append(lines, [2]string{"suspect", "since " + at(s.InvalidityDate)})
	}
	if s.ThisUpdate != nil && s.NextUpdate != nil {
		lines = append(lines, [2]string{"response", at(s.ThisUpdate) + " to " + at(s.NextUpdate)})
	}
	for _, l := range lines {
		if _, err := fmt.Fprintf(w, "%-9s %s\n", l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}
