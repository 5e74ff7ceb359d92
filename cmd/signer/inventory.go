package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/inventory"
)

// certificateLine is one certificate in the inventory's export: a line of JSON
// each, which the auditor compares with CRLs and OCSP responses.
type certificateLine struct {
	Issuer    string     `json:"issuer"`
	Serial    string     `json:"serial"`
	State     string     `json:"state"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	NotAfter  time.Time  `json:"not_after"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Imported  bool       `json:"imported,omitempty"` // it was not issued here, so nothing committed to it

	// What opens the commitment that the master log made before the certificate was signed.
	Salt        []byte `json:"salt,omitempty"`
	Entry       *int64 `json:"entry,omitempty"` // of the log
	Leaf        *int64 `json:"leaf,omitempty"`  // in that entry
	Certificate []byte `json:"certificate,omitempty"`
}

func inventoryCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "inventory",
		Usage: "list what was issued and revoked, a line of JSON per certificate; private: it has the subscribers' " +
			"certificates",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`; default: all issuers"},
			&cli.BoolFlag{Name: "subjects", Usage: "with the subjects' names in words"},
			&cli.BoolFlag{Name: "status-only",
				Usage: "serials and status alone, without certificates: opens no commitment"},
			&cli.StringFlag{Name: "out",
				Usage: "write to the new `FILE`, for its owner alone (mode 0600); default: stdout"},
		),
		Action: func(c *cli.Context) error {
			if c.Bool("subjects") && c.Bool("status-only") {
				return cliexit.UsageError("--status-only leaves out what --subjects asks for")
			}
			out := c.String("out")
			if out != "" {
				if err := absent("out", out); err != nil {
					return err
				}
			}
			return withBooks(c, now, func(b *books.Books) error {
				if out == "" {
					return exportInventory(c, b, c.App.Writer)
				}
				return writeNew(out, 0o600, func(w io.Writer) error { return exportInventory(c, b, w) })
			})
		},
		Subcommands: []*cli.Command{rebuildCommand(now), historyCommand(now)},
	}
}

func rebuildCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "rebuild",
		Usage: "make a lost inventory again from the master: its log and its private part",
		Flags: cliexit.Flags(),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			res, err := room.RebuildInventory(c.Context, o)
			if err != nil {
				return coded(err)
			}
			say(c,
				"rebuilt from the master log, size %d: %d certificates, %d other rows, %d responses; %d events say "+
					"who asked", res.Size, res.Certificates, res.Other, res.Responses, res.Requests)
			return answer(c, res)
		},
	}
}

// historyLine is one event: what happened to a certificate, and who asked for it.
type historyLine struct {
	Time    time.Time `json:"time"`
	Issuer  string    `json:"issuer"`
	Serial  string    `json:"serial,omitempty"`
	Event   string    `json:"event"`
	Detail  string    `json:"detail,omitempty"`
	By      string    `json:"by,omitempty"`
	Request string    `json:"request,omitempty"` // kind and SHA-256 of the document
}

func historyCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "history",
		Usage: "list what happened to certificates, who asked and by which document, a line of JSON per event; private",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`; default: all issuers"},
			&cli.StringFlag{Name: "serial", Usage: "one certificate by its serial in `HEX`; with --issuer"},
		),
		Action: func(c *cli.Context) error {
			var serial []byte
			if text := c.String("serial"); text != "" {
				if c.String("issuer") == "" {
					return cliexit.UsageError("--serial needs --issuer: a serial is one issuer's")
				}
				var err error
				if serial, err = inventory.ParseSerial(text); err != nil {
					return &cliexit.Error{Code: cliexit.Usage, Err: err}
				}
			}
			return withBooks(c, now, func(b *books.Books) error { return printHistory(c, b, serial) })
		},
	}
}

func printHistory(c *cli.Context, b *books.Books, serial []byte) error {
	names, err := exported(c, b)
	if err != nil {
		return err
	}
	if serial != nil {
		if _, err := b.Get(c.Context, names[0], serial); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(c.App.Writer)
	for _, name := range names {
		for e, err := range b.Events(c.Context, name, serial) {
			if err == nil {
				err = enc.Encode(historyLine{Time: e.Time, Issuer: e.Issuer, Serial: fmt.Sprintf("%x", e.Serial),
					Event: e.What, Detail: e.Detail, By: e.By, Request: e.Request})
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func exportInventory(c *cli.Context, b *books.Books, w io.Writer) error {
	names, err := exported(c, b)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	for _, name := range names {
		for e, err := range b.Export(c.Context, name) {
			if err == nil {
				err = enc.Encode(lineOf(c, e))
			}
			if err != nil {
				return err
			}
		}
	}
	return buffered.Flush()
}

// exported returns the issuers that the flags ask for.
func exported(c *cli.Context, b *books.Books) ([]string, error) {
	if name := c.String("issuer"); name != "" {
		return []string{name}, nil
	}
	issuers, err := b.Issuers(c.Context)
	var names []string
	for _, i := range issuers {
		names = append(names, i.Name)
	}
	return names, err
}

func lineOf(c *cli.Context, e *inventory.Exported) certificateLine {
	line := certificateLine{
		Issuer: e.Issuer, Serial: fmt.Sprintf("%x", e.Serial), State: e.State.String(), NotAfter: e.NotAfter.UTC(),
		Imported: e.Imported,
	}
	if !e.NotBefore.IsZero() {
		from := e.NotBefore.UTC()
		line.NotBefore = &from
	}
	if e.State == inventory.Revoked {
		at := e.Revocation.Time.UTC()
		line.RevokedAt, line.Reason = &at, inventory.ReasonName(e.Revocation.Reason)
	}
	if c.Bool("subjects") {
		line.Subject = e.Subject
	}
	if c.Bool("status-only") {
		return line
	}
	line.Certificate = e.DER
	if e.Salt != nil {
		line.Salt, line.Entry, line.Leaf = e.Salt, &e.Index, &e.Leaf
	}
	return line
}
