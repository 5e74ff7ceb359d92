package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func certificateRequestCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "request",
		Usage: "make a certificate request for a key of the token that another CA software certifies",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name",
				Usage: "the OCSP signer, document signer or issuer `NAME` of the configuration", Required: true},
			&cli.StringFlag{Name: "out", Usage: "write the request to the new `FILE` as PEM", Required: true},
			dryFlag,
		),
		Action: func(c *cli.Context) error {
			out, name := c.String("out"), c.String("name")
			if err := absent("out", out); err != nil {
				return err
			}
			return inRoom(c, now, func(r *room.Room) error {
				der, err := ceremony.RequestCertificate(c.Context, r, name)
				if err != nil {
					return err
				}
				if c.Bool(dryFlag.Name) {
					if _, err := r.LogSize(); err != nil {
						return err
					}
					say(c, "would make %s: a request for %s, signed with its key and on record", out, name)
					return answer(c, requestedAnswer{name, out, dryAnswer(c, r)})
				}
				if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
					return fmt.Errorf("making the folder of %q: %w", out, err)
				}
				if _, err := r.Commit(c.Context, "signer request"); err != nil {
					return err
				}
				err = writeNew(out, 0o644, func(w io.Writer) error {
					return pem.Encode(w, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
				})
				if err != nil {
					return err
				}
				say(c, "made %s: let the CA sign it, then run `signer issue --name %s --adopt FILE`", out, name)
				return answer(c, requestedAnswer{Name: name, File: out})
			})
		},
	}
}
