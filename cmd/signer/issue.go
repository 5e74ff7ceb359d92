package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/artifact"
	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/internal/unwrap"
)

// maxCSR bounds a certificate request; a real one has a few kilobytes.
const maxCSR = 64 << 10

func issueCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "issue",
		Usage: "issue the certificate of a configured issuer or OCSP signer, or those of subscribers",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "the issuer or OCSP signer `NAME` of the configuration"},
			&cli.StringFlag{Name: "issuer",
				Usage: "the issuer `NAME` of subscribers' certificates; with --csr or --csr-dir"},
			&cli.StringSliceFlag{Name: "csr",
				Usage: "a subscriber's certificate request, a PEM or DER `FILE`; may be repeated"},
			&cli.StringFlag{Name: "csr-dir",
				Usage: "a `FOLDER` of certificate requests: every file in it that does not begin with a dot"},
			&cli.IntFlag{Name: "batch", Usage: "how many certificates one entry of the log commits to, a `NUMBER`",
				Value: room.IssuanceBatch},
			&cli.BoolFlag{Name: "reissue",
				Usage: "issue another certificate for a request that has one, which else it gets, or for a key that " +
					"is in use"},
			&cli.StringFlag{Name: "adopt",
				Usage: "with --name: take this existing certificate `FILE` of a CA or OCSP signer instead of " +
					"issuing one"},
			&cli.StringFlag{Name: "consent",
				Usage: "the `ID` of the subscriber's consent to publication; usually none"},
			&cli.StringFlag{Name: "out", Usage: "write the certificate to the new `FILE` as PEM"},
			&cli.StringFlag{Name: "out-dir",
				Usage: "write each certificate to this `FOLDER` as PEM, under the name of its request's file"},
			requestFlag, byFlag, dryFlag, approvalFlag, askFlag, cliexit.YesFlag,
		),
		Action: func(c *cli.Context) error {
			if (c.String("name") == "") == (c.String("issuer") == "") {
				return cliexit.UsageError("name what to issue: --name for a CA or OCSP signer, or --issuer with " +
					"--csr for subscribers")
			}
			if c.String("issuer") != "" {
				if err := noApproval(c, "a subscriber's certificate"); err != nil {
					return err
				}
				return issueSubscribers(c, now)
			}
			for _, flag := range []string{"csr", "csr-dir", "batch", "reissue", "out-dir", "consent"} {
				if c.IsSet(flag) {
					return cliexit.UsageError("--%s belongs to --issuer, not to --name", flag)
				}
			}
			conf, err := load(c)
			if err != nil {
				return err
			}
			if err := cliexit.Choice("name", c.String("name"), issuable(conf)...); err != nil {
				return err
			}
			if err := noApproval(c, "a certificate that is not of a CA"); err != nil &&
				conf.Issuer(c.String("name")) == nil {
				return err
			}
			return inRoom(c, now, func(r *room.Room) error { return issue(c, conf, r) })
		},
	}
}

// issuable are the names of --name.
func issuable(conf *config.Config) (names []string) {
	for i := range conf.Issuers {
		names = append(names, conf.Issuers[i].Name)
		if o := conf.Issuers[i].OCSP; o != nil && o.Responder != nil {
			names = append(names, o.Responder.Name)
		}
	}
	if conf.DocumentSigner != nil {
		names = append(names, conf.DocumentSigner.Name)
	}
	return names
}

func issue(c *cli.Context, conf *config.Config, r *room.Room) error {
	word, out := would(c, "issued", "would issue"), c.String("out")
	present := r.Certificate(c.String("name"))
	if c.String("adopt") == "" && present != nil {
		word = "present"
	} else if adopted := c.String("adopt"); adopted != "" {
		crt, err := readCertificate(adopted)
		if err != nil {
			return err
		}
		if word = would(c, "adopted", "would take over"); present != nil && present.Equal(crt) {
			word = "present"
		}
		present = crt
	}
	if err := writable("out", out, present); err != nil {
		return err
	}
	if c.String("adopt") == "" {
		if err := askAboutKey(c, r); err != nil {
			return err
		}
	}
	crt, err := issueKind(c, conf, r)
	if err != nil {
		return err
	}
	// A certificate that is public enters the ledger at once.
	if _, err := r.Commit(c.Context, "signer issue"); err != nil {
		return err
	}
	if c.Bool(dryFlag.Name) {
		say(c, "%s", issuedLine(c, word, crt))
		a := answerIssued(c, crt, word == "present", out)
		a.plannedAnswer = dryAnswer(c, r)
		return answer(c, a)
	}
	if err := writePEM(out, crt); err != nil {
		return err
	}
	say(c, "%s", issuedLine(c, word, crt))
	return answer(c, answerIssued(c, crt, word == "present", out))
}

// askAboutKey asks before a CA certificate is made for a key that was in the token before: a CA that moves in has one.
func askAboutKey(c *cli.Context, r *room.Room) error {
	name := c.String("name")
	brought, err := ceremony.BroughtAlong(c.Context, r, name)
	if err != nil || !brought {
		return err
	}
	what := fmt.Sprintf("the key of %s was in the token before signer keygen: if a CA has used it, take its "+
		"certificate over "+
		"(signer issue --name %s --adopt FILE); issuing makes another certificate for it, on record for ever", name,
		name)
	if c.Bool(dryFlag.Name) {
		say(c, "it would be asked, or need --yes: %s", what)
		return nil
	}
	return cliexit.Confirm(c, what)
}

// issuedLine leaves out the serial of a certificate that would be issued: each time another one is chosen.
func issuedLine(c *cli.Context, word string, crt *x509.Certificate) string {
	if word == "would issue" {
		return fmt.Sprintf("%s %s, valid until %s", word, crt.Subject, crt.NotAfter.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s %s, serial %x, valid until %s", word, crt.Subject, crt.SerialNumber,
		crt.NotAfter.UTC().Format(time.RFC3339))
}

// answerIssued is what --json says of one certificate.
func answerIssued(c *cli.Context, crt *x509.Certificate, present bool, file string) issuedAnswer {
	a := issuedAnswer{Subject: crt.Subject.String(), Serial: fmt.Sprintf("%x", crt.SerialNumber), Present: present,
		NotBefore: crt.NotBefore.UTC(), NotAfter: crt.NotAfter.UTC(), File: file}
	if c.Bool(dryFlag.Name) && !present {
		a.Serial = "" // each time another one is chosen
	}
	return a
}

func issueKind(c *cli.Context, conf *config.Config, r *room.Room) (*x509.Certificate, error) {
	name := c.String("name")
	if file := c.String("adopt"); file != "" {
		crt, err := readCertificate(file)
		if err != nil {
			return nil, err
		}
		return crt, ceremony.Adopt(c.Context, r, name, crt)
	}
	for _, i := range conf.Issuers {
		if i.OCSP != nil && i.OCSP.Responder != nil && i.OCSP.Responder.Name == name {
			return r.IssueResponder(c.Context, i.Name)
		}
	}
	if conf.DocumentSigner != nil && conf.DocumentSigner.Name == name {
		return r.IssueDocumentSigner(c.Context)
	}
	return r.IssueCA(c.Context, name)
}

func readLimited(file string, most int64) ([]byte, error) {
	f, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer // of the right size at once: a list may have a good part of the memory
	b.Grow(int(min(info.Size(), most)) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(f, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("%q is longer than %d bytes", file, most)
	}
	return b.Bytes(), err
}

// writable wants an output file to be new, or to hold already what will be written; present is that, if it is known.
func writable(flag, file string, present *x509.Certificate) error {
	if file == "" || present != nil && holds(file, present) {
		return nil
	}
	return absent(flag, file)
}

// holds reports whether a file has this certificate.
func holds(file string, crt *x509.Certificate) bool {
	there, err := readCertificate(file)
	return err == nil && there.Equal(crt)
}

// writePEM writes a certificate to a new file, if there is to be one.
func writePEM(file string, crt *x509.Certificate) error {
	if file == "" || holds(file, crt) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of %q: %w", file, err)
	}
	return writeNew(file, 0o644, func(w io.Writer) error { return encodePEM(w, crt.Raw) })
}

// readCertificate reads one certificate, PEM or DER.
func readCertificate(file string) (*x509.Certificate, error) {
	raw, err := readLimited(file, maxCSR)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	der, err := unwrap.One(raw, "CERTIFICATE", "X509 CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("reading certificate %q: %w", file, err)
	}
	crt, err := artifact.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate %q: %w", file, err)
	}
	return crt, nil
}

// readText reads a small text that a person wrote, in whatever encoding the editor chose.
func readText(file string, most int64) ([]byte, error) {
	raw, err := readLimited(file, most)
	return unwrap.Text(raw), err
}
