package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign"
	"seihon/internal/cliexit"
)

func revokeCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "revoke",
		Usage: "record a revocation; the next `signer run` signs it first of all",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "the issuer `NAME`", Required: true},
			&cli.StringFlag{Name: "serial", Usage: "the serial in `HEX`"},
			&cli.StringFlag{Name: "certificate", Usage: "the certificate's `FILE` instead of its serial"},
			&cli.StringFlag{Name: "reason", Usage: "`REASON` of RFC 5280, such as keyCompromise", Required: true},
			&cli.TimestampFlag{Name: "invalidity", Usage: "since when the key is suspect, as `RFC3339`", Layout: time.RFC3339},
			&cli.StringFlag{Name: "override", Usage: "a signed permission `FILE` to change a recorded revocation"},
			&cli.TimestampFlag{Name: "time", Usage: "when it was revoked, as `RFC3339`; default: now", Layout: time.RFC3339},
			requestFlag, byFlag,
		),
		Action: func(c *cli.Context) error {
			serial, err := serialOf(c)
			if err != nil {
				return err
			}
			q := hsmsign.Revocation{Issuer: c.String("issuer"), Serial: serial, Reason: c.String("reason")}
			if t := c.Timestamp("time"); t != nil {
				q.Time = *t
			}
			if t := c.Timestamp("invalidity"); t != nil {
				q.Invalid = *t
			}
			if q.Override, err = readOverride(c); err != nil {
				return err
			}
			if q.Asked, err = asked(c); err != nil {
				return err
			}
			return withBooks(c, now, func(books *hsmsign.Books) error {
				if err := books.Revoke(c.Context, q); err != nil {
					return err
				}
				say(c, "revoked %s of %s; run `signer run` to publish it", serial, c.String("issuer"))
				return answer(c, map[string]any{"issuer": c.String("issuer"), "serial": serial, "reason": c.String("reason")})
			})
		},
	}
}

func serialOf(c *cli.Context) (string, error) {
	if (c.String("serial") == "") == (c.String("certificate") == "") {
		return "", cliexit.UsageError("name the certificate by --serial or by --certificate")
	}
	if c.String("serial") != "" {
		return c.String("serial"), nil
	}
	crt, err := readCertificate(c.String("certificate"))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", crt.SerialNumber), nil
}
