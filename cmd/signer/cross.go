package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/ceremony"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
)

func linkCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "link",
		Usage: "issue the link certificates between a CA and the one it succeeds",
		Flags: cliexit.Flags(&cli.StringFlag{Name: "name",
			Usage: "the new issuer `NAME`, which has succeeds in the configuration", Required: true}, dryFlag,
			approvalFlag, askFlag),
		Action: func(c *cli.Context) error {
			return inRoom(c, now, func(r *room.Room) error {
				links, err := ceremony.IssueLinks(c.Context, r, c.String("name"))
				if err != nil {
					return err
				}
				size, err := r.Commit(c.Context, "signer link")
				if err != nil {
					return err
				}
				say(c, would(c, "issued %d link certificates, tree size %d",
					"would issue %d link certificates; the log has %d entries"), len(links), size)
				return answer(c, linkedAnswer{c.String("name"), len(links), size, dryAnswer(c, r)})
			})
		},
	}
}

func crossCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "cross",
		Usage: "issue a cross certificate for a partner's CA, or publish the one that a partner issued for ours",
		Flags: cliexit.Flags(
			&cli.StringFlag{Name: "issuer", Usage: "our issuer `NAME`", Required: true},
			&cli.StringFlag{Name: "id", Usage: "the `ID` in the public name cert/cross/ID.cer", Required: true},
			&cli.StringFlag{Name: "partner",
				Usage: "issue: the partner's CA certificate `FILE`, pinned in trust.partners"},
			&cli.StringFlag{Name: "profile", Value: "cross",
				Usage: "issue: the `PROFILE` with mappings and constraints"},
			&cli.StringFlag{Name: "publish", Usage: "publish: the certificate `FILE` that the partner issued"},
			dryFlag, approvalFlag, askFlag,
		),
		Action: func(c *cli.Context) error {
			if (c.String("partner") == "") == (c.String("publish") == "") {
				return cliexit.UsageError("name either --partner, to issue, or --publish")
			}
			return inRoom(c, now, func(r *room.Room) error { return cross(c, r) })
		},
	}
}

func cross(c *cli.Context, r *room.Room) error {
	crt, err := readCertificate(c.String("partner") + c.String("publish"))
	if err != nil {
		return err
	}
	if c.String("publish") != "" {
		err = ceremony.PublishCross(c.Context, r, c.String("issuer"), c.String("id"), crt)
	} else {
		crt, err = ceremony.IssueCross(c.Context, r, ceremony.CrossRequest{
			Issuer: c.String("issuer"), ID: c.String("id"), Partner: crt, Profile: c.String("profile"),
		})
	}
	if err != nil {
		return err
	}
	size, err := r.Commit(c.Context, "signer cross")
	if err != nil {
		return err
	}
	if c.Bool(dryFlag.Name) {
		serial := ""
		if c.String("publish") != "" { // another one is chosen each time for what is to be issued
			serial = fmt.Sprintf("%x", crt.SerialNumber)
		}
		say(c, "would record cert/cross/%s.cer for %s; the log has %d entries", c.String("id"), crt.Subject, size)
		return answer(c, crossedAnswer{c.String("id"), serial, size, dryAnswer(c, r)})
	}
	say(c, "recorded cert/cross/%s.cer, serial %x, tree size %d", c.String("id"), crt.SerialNumber, size)
	return answer(c, crossedAnswer{ID: c.String("id"), Serial: fmt.Sprintf("%x", crt.SerialNumber), TreeSize: size})
}
