package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
	"seihon/inventory"
)

// certificateLine is one certificate in the inventory's export: a line of JSON
// each, which the auditor compares with CRLs and OCSP responses.
type certificateLine struct {
	Issuer    string     `json:"issuer"`
	Serial    string     `json:"serial"`
	State     string     `json:"state"`
	NotAfter  time.Time  `json:"not_after"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Subject   string     `json:"subject,omitempty"`
}

func inventoryCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "inventory",
		Usage: "list what an issuer issued and revoked, a line of JSON per certificate",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`", Required: true},
			&cli.BoolFlag{Name: "subjects", Usage: "with the subjects' names: personal data, not for the auditor's copy"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE`; default: stdout"},
		),
		Action: func(c *cli.Context) error {
			return withBooks(c, now, func(books *hsmsign.Books) error {
				w := io.Writer(c.App.Writer)
				if out := c.String("out"); out != "" {
					f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
					if err != nil {
						return fmt.Errorf("writing the inventory: %w", err)
					}
					defer f.Close()
					w = f
				}
				return exportInventory(c, books, w)
			})
		},
		Subcommands: []*cli.Command{rebuildCommand(now)},
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
			res, err := hsmsign.RebuildInventory(c.Context, o)
			if err != nil {
				return coded(err)
			}
			say(c, "rebuilt from the master log, size %d: %d certificates, %d other rows, %d responses", res.Size, res.Certificates, res.Other, res.Responses)
			return answer(c, res)
		},
	}
}

func exportInventory(c *cli.Context, books *hsmsign.Books, w io.Writer) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	for e, err := range books.Certificates(c.Context, c.String("issuer")) {
		if err != nil {
			return fmt.Errorf("reading the inventory: %w", err)
		}
		line := certificateLine{Issuer: e.Issuer, Serial: fmt.Sprintf("%x", e.Serial), State: e.State.String(), NotAfter: e.NotAfter.UTC()}
		if e.State == inventory.Revoked {
			at := e.Revocation.Time.UTC()
			line.RevokedAt, line.Reason = &at, inventory.ReasonName(e.Revocation.Reason)
		}
		if c.Bool("subjects") {
			line.Subject = e.Subject
		}
		if err := enc.Encode(line); err != nil {
			return fmt.Errorf("writing the inventory: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	return nil
}
