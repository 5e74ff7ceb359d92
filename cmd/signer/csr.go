package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
)

func certificateRequestCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "request",
		Usage: "make a certificate request for a key of the token that another CA software certifies",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "name", Usage: "the OCSP signer, document signer or issuer `NAME` of the configuration", Required: true},
			&cli.StringFlag{Name: "out", Usage: "write the request to the new `FILE` as PEM", Required: true},
		),
		Action: func(c *cli.Context) error {
			out, name := c.String("out"), c.String("name")
			if err := absent("out", out); err != nil {
				return err
			}
			if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
				return fmt.Errorf("making the folder of %q: %w", out, err)
			}
			return withRoom(c, now, func(room *hsmsign.Room) error {
				der, err := room.RequestCertificate(c.Context, name)
				if err != nil {
					return err
				}
				if _, err := room.Commit(c.Context, "signer request"); err != nil {
					return err
				}
				err = writeNew(out, 0o644, func(w io.Writer) error {
					return pem.Encode(w, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
				})
				if err != nil {
					return err
				}
				say(c, "made %s: let the CA sign it, then run `signer issue --name %s --adopt FILE`", out, name)
				return answer(c, requestedAnswer{name, out})
			})
		},
	}
}
