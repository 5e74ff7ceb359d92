package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/inventory"
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
			&cli.TimestampFlag{Name: "invalidity", Usage: "since when the key is suspect, as `RFC3339`",
				Layout: time.RFC3339},
			&cli.StringFlag{Name: "override", Usage: "a signed permission `FILE` to change a recorded revocation"},
			&cli.TimestampFlag{Name: "time", Usage: "when it was revoked, as `RFC3339`; default: now",
				Layout: time.RFC3339},
			&cli.BoolFlag{Name: "dry-run", Usage: "judge it, say what it would mean, and record nothing"},
			requestFlag, byFlag, approvalFlag, askFlag, cliexit.YesFlag,
		),
		Action: func(c *cli.Context) error {
			q := books.Revocation{Issuer: c.String("issuer"), Reason: c.String("reason")}
			err := errors.Join(nameRevoked(c, &q), checkReason(q.Reason))
			if err != nil {
				return err
			}
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
			return revoke(c, now, q)
		},
	}
}

func revoke(c *cli.Context, now func() time.Time, q books.Revocation) error {
	needs := false
	err := withBooks(c, now, func(b *books.Books) error {
		consequences, err := b.Foresee(c.Context, q)
		if err != nil {
			return err
		}
		if c.Bool("dry-run") {
			return foreseen(c, &q, consequences)
		}
		if len(consequences) > 0 {
			if err := confirm(c,
				fmt.Sprintf("revoking %s of %s: %s", serialText(&q), q.Issuer,
					strings.Join(consequences, "; "))); err != nil {
				return err
			}
		}
		if needs, err = b.NeedsApproval(c.Context, &q); err != nil || needs {
			return err
		}
		if err := noApproval(c, "this revocation"); err != nil {
			return err
		}
		return revokeNow(c, b, q)
	})
	if err != nil || !needs {
		return err
	}
	return withRoom(c, now, func(r *room.Room) error {
		if err := books.ApproveRevocation(c.Context, r, q); err != nil {
			return err
		}
		return revokeNow(c, books.Of(r), q)
	})
}

func revokeNow(c *cli.Context, b *books.Books, q books.Revocation) error {
	if err := b.Revoke(c.Context, q); err != nil {
		return err
	}
	serial := serialText(&q)
	say(c, "revoked %s of %s; run `signer run` to publish it", serial, q.Issuer)
	return answer(c, revokedAnswer{Issuer: q.Issuer, Serial: serial, Reason: q.Reason})
}

// foreseen prints what a revocation would mean.
func foreseen(c *cli.Context, q *books.Revocation, consequences []string) error {
	serial := serialText(q)
	say(c, "would revoke %s of %s for %s", serial, q.Issuer, q.Reason)
	for _, text := range consequences {
		say(c, "  %s", text)
	}
	return answer(c, revokedAnswer{q.Issuer, serial, q.Reason, true, consequences})
}

// nameRevoked sets the certificate or the serial that is to be revoked.
func nameRevoked(c *cli.Context, q *books.Revocation) (err error) {
	if (c.String("serial") == "") == (c.String("certificate") == "") {
		return cliexit.UsageError("name the certificate by --serial or by --certificate")
	}
	if q.Serial = c.String("serial"); q.Serial != "" {
		if _, err := inventory.ParseSerial(q.Serial); err != nil {
			return cliexit.UsageError("--serial: %w", err)
		}
		return nil
	}
	q.Certificate, err = readCertificate(c.String("certificate"))
	return err
}

// checkReason refuses what is no reason of RFC 5280, with the one that was probably meant.
func checkReason(reason string) error {
	_, err := inventory.ParseReason(reason)
	if err == nil {
		return nil
	}
	if near := cliexit.Choice("reason", reason, inventory.ReasonNames()...); near != nil {
		return near
	}
	return cliexit.UsageError("--reason: %w", err)
}

// serialText is the serial as it was given, or as the certificate has it.
func serialText(q *books.Revocation) string {
	if q.Certificate != nil {
		return fmt.Sprintf("%x", q.Certificate.SerialNumber)
	}
	return q.Serial
}
