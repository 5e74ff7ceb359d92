package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/cliexit"
)

func initCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "make the master log and its keys, and the inventory; safe to run again",
		Flags: cliexit.Flags(
			&cli.BoolFlag{Name: "init-token",
				Usage: "initialise the token first, if the module has none of that label (SoftHSM, new HSM partitions)"},
			&cli.StringFlag{Name: "token",
				Usage: "the `NAME` of the one of signer.tokens that --init-token means; default: the first"},
			&cli.StringFlag{Name: "so-pin-file",
				Usage: "the security officer's PIN for --init-token, a `FILE` of mode 0600"},
		),
		Action: func(c *cli.Context) error {
			o, err := options(c, now)
			if err != nil {
				return err
			}
			if c.Bool("init-token") {
				if err := initToken(c, o); err != nil {
					return err
				}
			}
			res, err := room.Init(c.Context, o)
			if err != nil {
				return coded(err)
			}
			for _, m := range res.Made {
				say(c, "made     %s", m)
			}
			for _, p := range res.Present {
				say(c, "present  %s", p)
			}
			return answer(c, res)
		},
	}
}

// initToken initialises a free slot, unless a token of that label is there already.
func initToken(c *cli.Context, o room.Options) error {
	s := o.Config.Signer
	t, err := s.TokenNamed(c.String("token"))
	if err != nil {
		return &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	if c.String("so-pin-file") == "" {
		return cliexit.UsageError("--init-token needs --so-pin-file")
	}
	soPIN, err := token.FilePIN(c.String("so-pin-file"))(c.Context)
	if err != nil {
		return fmt.Errorf("reading the security officer's PIN: %w", err)
	}
	pin, err := room.PINSource(t)(c.Context)
	if err != nil {
		return err
	}
	if err := ensureSoftHSM(string(t.SoftHSMConfig)); err != nil {
		return err
	}
	if err := room.UseSoftHSMConfig(s); err != nil { // it may be new
		return err
	}
	err = token.InitToken(c.Context, room.TokenConfig(s, t, o.Now, o.Logger), soPIN, pin)
	if errors.Is(err, token.ErrTokenExists) {
		say(c, "present  token %s", t.Token)
		return nil
	}
	if err == nil {
		say(c, "made     token %s", t.Token)
	}
	return err
}

// ensureSoftHSM writes a softhsm2.conf with a token folder beside it when the
// configuration names one that does not exist.
func ensureSoftHSM(file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(file); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	tokens := strings.TrimSuffix(file, filepath.Ext(file)) + "-tokens"
	if err := os.MkdirAll(tokens, 0o700); err != nil {
		return fmt.Errorf("making SoftHSM's token folder: %w", err)
	}
	text := fmt.Sprintf("# The folder is beside this file. softhsm2-util looks for it where it is started: start it "+
		"here.\ndirectories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
		filepath.Base(tokens))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing SoftHSM's configuration: %w", err)
	}
	return nil
}
