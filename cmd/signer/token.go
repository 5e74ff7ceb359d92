package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/cliexit"
)

func tokenCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name: "token",
		Usage: "show the room's token or tokens, or with --check their keys' attributes against the allow-list of " +
			"modules",
		Flags: cliexit.Flags(
			&cli.BoolFlag{Name: "check", Usage: "check key attributes and the module's allow-list; exit 3 on findings"},
			&cli.BoolFlag{Name: "record", Usage: "with --check: record the evidence in the master log"},
		),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			if c.Bool("check") {
				return checkToken(c, o)
			}
			infos, err := room.TokenInfos(c.Context, o)
			if infos == nil {
				return coded(err)
			}
			for _, info := range append([]token.Info{infos.Info}, infos.Others...) {
				say(c, "token    %s, serial %s\nmaker    %s %s, firmware %s\nmodule   %s, %s %s\nflags    %s",
					info.Label, info.Serial, info.Manufacturer, info.Model, info.FirmwareVersion,
					info.Module, info.Library, info.LibraryVersion, strings.Join(info.Flags, " "))
			}
			return errors.Join(coded(err), answer(c, infos))
		},
	}
}

func checkToken(c *cli.Context, o room.Options) error {
	e, lost := room.CheckToken(c.Context, o, c.Bool("record"))
	if e == nil {
		return coded(lost)
	}
	for _, f := range e.Findings {
		say(c, "%s  %s: %s: want %s, got %s; %s", f.Severity, f.Code, f.Subject, f.Want, f.Got, f.Hint)
	}
	if len(e.Findings) == 0 && lost == nil {
		say(c, "no findings; what a token says of itself is a claim, not a proof")
	}
	if err := errors.Join(coded(lost), answer(c, e)); err != nil {
		return err
	}
	if len(e.Findings) > 0 {
		return &cliexit.Error{Code: cliexit.Findings,
			Err: fmt.Errorf("the token check has %d findings", len(e.Findings))}
	}
	return nil
}
