package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/reportsig"
	"seihon/verify/report"
)

// A signer signs a report with the auditor's key; nil when nobody asked for it.
type signer = reportsig.Signer

// auditorsKey opens the key of --sign-with. Only `publisher verify` has that flag: no command that publishes signs with
// it.
func auditorsKey(c *cli.Context) (signer, error) {
	name := c.String("sign-with")
	if name == "" {
		return nil, nil
	}
	if c.String("report") == "" && c.String("html") == "" {
		return nil, cliexit.UsageError("--sign-with signs the files of --report and --html; name at least one")
	}
	key, err := reportsig.Open(name, askPassphrase)
	if err != nil {
		return nil, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	return key, nil
}

// askPassphrase asks on the terminal, without echo.
func askPassphrase() ([]byte, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, errors.New("it has a passphrase, and stdin is no terminal to ask for it on")
	}
	fmt.Fprint(os.Stderr, "passphrase of the auditor's key: ")
	defer fmt.Fprintln(os.Stderr)
	return term.ReadPassword(fd)
}

// writeReports writes the report in the forms that the flags ask for, each with its signature beside it.
func writeReports(c *cli.Context, r *report.Report, key signer) error {
	for _, form := range []struct {
		file  string
		write func(io.Writer) error
	}{{c.String("report"), r.WriteJSON}, {c.String("html"), r.WriteHTML}} {
		if form.file == "" {
			continue
		}
		var b bytes.Buffer
		if err := form.write(&b); err != nil {
			return err
		}
		if err := durable.WriteFile(form.file, b.Bytes(), 0o644); err != nil {
			return err
		}
		if key == nil {
			continue
		}
		sig, err := key.Sign(b.Bytes())
		if err != nil {
			return err
		}
		if err := durable.WriteFile(form.file+".sig", sig, 0o644); err != nil {
			return err
		}
	}
	return nil
}
