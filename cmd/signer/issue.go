package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/regular"
)

// maxCSR bounds a certificate request; a real one has a few kilobytes.
const maxCSR = 64 << 10

func issueCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "issue",
		Usage: "issue the certificate of a configured issuer or OCSP signer, or one to a subscriber",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "the issuer or OCSP signer `NAME` of the configuration"},
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME` of a subscriber's certificate; with --csr"},
			&cli.StringFlag{Name: "csr", Usage: "the subscriber's certificate request, a PEM or DER `FILE`"},
			&cli.StringFlag{Name: "adopt", Usage: "with --name: take this existing CA certificate `FILE` instead of issuing one"},
			&cli.StringFlag{Name: "consent", Usage: "the `ID` of the subscriber's consent to publication; usually none"},
			&cli.StringFlag{Name: "out", Usage: "write the certificate to `FILE` as PEM"},
		),
		Action: func(c *cli.Context) error {
			if (c.String("name") == "") == (c.String("issuer") == "") {
				return cliexit.UsageError("name what to issue: --name for a CA or OCSP signer, or --issuer with --csr for a subscriber")
			}
			if (c.String("issuer") == "") != (c.String("csr") == "") {
				return cliexit.UsageError("--issuer and --csr belong together")
			}
			conf, err := load(c)
			if err != nil {
				return err
			}
			return withRoom(c, now, func(room *hsmsign.Room) error { return issue(c, conf, room) })
		},
	}
}

func issue(c *cli.Context, conf *config.Config, room *hsmsign.Room) error {
	word := "issued"
	if c.String("adopt") == "" && room.Certificate(c.String("name")) != nil {
		word = "present"
	}
	crt, err := issueKind(c, conf, room)
	if err != nil {
		return err
	}
	// A certificate that is public enters the ledger at once; a subscriber's has its status published by the next run.
	if _, err := room.Commit(c.Context, "signer issue"); err != nil {
		return err
	}
	if out := c.String("out"); out != "" {
		if err := writePEM(out, crt); err != nil {
			return err
		}
	}
	say(c, "%s %s, serial %x, valid until %s", word, crt.Subject, crt.SerialNumber, crt.NotAfter.UTC().Format(time.RFC3339))
	return answer(c, map[string]any{
		"subject": crt.Subject.String(), "serial": fmt.Sprintf("%x", crt.SerialNumber),
		"not_before": crt.NotBefore.UTC(), "not_after": crt.NotAfter.UTC(), "file": c.String("out"),
	})
}

func issueKind(c *cli.Context, conf *config.Config, room *hsmsign.Room) (*x509.Certificate, error) {
	name := c.String("name")
	if name == "" {
		csr, err := readLimited(c.String("csr"), maxCSR)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate request: %w", err)
		}
		return room.IssueSubscriber(c.Context, hsmsign.SubscriberRequest{Issuer: c.String("issuer"), CSR: csr, Consent: c.String("consent")})
	}
	if file := c.String("adopt"); file != "" {
		crt, err := readCertificate(file)
		if err != nil {
			return nil, err
		}
		return crt, room.AdoptCA(c.Context, name, crt)
	}
	for _, i := range conf.Issuers {
		if i.OCSP != nil && i.OCSP.Responder != nil && i.OCSP.Responder.Name == name {
			return room.IssueResponder(c.Context, i.Name)
		}
	}
	if conf.DocumentSigner != nil && conf.DocumentSigner.Name == name {
		return room.IssueDocumentSigner(c.Context)
	}
	return room.IssueCA(c.Context, name)
}

func readLimited(file string, most int64) ([]byte, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%q is longer than %d bytes", file, most)
	}
	return b, err
}

func writePEM(file string, crt *x509.Certificate) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of %q: %w", file, err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: crt.Raw}), 0o644); err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	return nil
}

// readCertificate reads one certificate, PEM or DER.
func readCertificate(file string) (*x509.Certificate, error) {
	raw, err := readLimited(file, maxCSR)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	if block, _ := pem.Decode(raw); block != nil {
		raw = block.Bytes
	}
	crt, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate %q: %w", file, err)
	}
	return crt, nil
}
