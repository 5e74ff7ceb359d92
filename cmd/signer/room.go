package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/books"
	"seihon/hsmsign/room"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/proxy"
	"seihon/ledger"
	"seihon/sectiona"
)

// load reads the configuration that the flags name. A wrong one is a usage error.
func load(c *cli.Context) (*config.Config, error) {
	conf, err := config.Load(c.String("config"))
	if err != nil {
		return nil, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	if conf.Signer == nil {
		return nil, cliexit.UsageError("configuration %q has no section signer; run this command in the signing room",
			c.String("config"))
	}
	if err := errors.Join(room.Trusted(conf), proxy.Through(conf.Proxy)); err != nil {
		return nil, err
	}
	return conf, room.UseSoftHSMConfig(conf.Signer)
}

// options gathers what every command of the room needs.
func options(c *cli.Context, now func() time.Time) (room.Options, error) {
	conf, err := load(c)
	if err != nil {
		return room.Options{}, err
	}
	logger, err := cliexit.Logger(c)
	if err != nil {
		return room.Options{}, err
	}
	who, err := asked(c)
	if err != nil {
		return room.Options{}, err
	}
	o := room.Options{Config: conf, Now: now, Logger: logger, Asked: who, AcceptClock: c.String("accept-clock"),
		AcceptPrivateLoss: c.String("accept-private-loss")}
	if o.Approval, err = papers(c); err != nil {
		return o, err
	}
	o.AskApproval, err = asker(c)
	return o, err
}

// withRoom opens the room, runs fn and closes it again.
func withRoom(c *cli.Context, now func() time.Time, fn func(*room.Room) error) error {
	o, err := options(c, now)
	if err != nil {
		return err
	}
	if err := checkIssuer(c, o.Config); err != nil {
		return err
	}
	r, err := room.Open(c.Context, o)
	if err != nil {
		return coded(err)
	}
	return asking(c, coded(errors.Join(fn(r), r.Close())))
}

// dryFlag is that of commands that can say what they would do.
var dryFlag = &cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and change nothing"}

// inRoom is withRoom, or dryRoom when --dry-run asks for it: what fn does is then only planned.
func inRoom(c *cli.Context, now func() time.Time, fn func(*room.Room) error) error {
	if c.Bool(dryFlag.Name) {
		return dryRoom(c, now, fn)
	}
	return withRoom(c, now, fn)
}

// dryRoom opens the room without the right to change anything, runs fn and closes it again.
func dryRoom(c *cli.Context, now func() time.Time, fn func(*room.Room) error) error {
	if c.IsSet(askFlag.Name) {
		return cliexit.UsageError("--%s writes a request and --dry-run writes nothing: leave one of them out",
			askFlag.Name)
	}
	o, err := options(c, now)
	if err != nil {
		return err
	}
	if err := checkIssuer(c, o.Config); err != nil {
		return err
	}
	return coded(room.DryRun(c.Context, o, func(r *room.Room) error {
		err := fn(r)
		for _, what := range r.Unapproved() {
			say(c, "%s", what)
		}
		return err
	}))
}

// dryAnswer is what --json says of a dry run, beside what would be done.
func dryAnswer(c *cli.Context, r *room.Room) plannedAnswer {
	if !c.Bool(dryFlag.Name) {
		return plannedAnswer{}
	}
	return plannedAnswer{DryRun: true, NeedsApproval: r.Unapproved()}
}

// would chooses between what is done and what would be.
func would(c *cli.Context, done, planned string) string {
	if c.Bool(dryFlag.Name) {
		return planned
	}
	return done
}

// checkIssuer refuses a name that --issuer gives and the configuration does not have.
func checkIssuer(c *cli.Context, conf *config.Config) error {
	var names []string
	for i := range conf.Issuers {
		names = append(names, conf.Issuers[i].Name)
	}
	return cliexit.Choice("issuer", c.String("issuer"), names...)
}

// withBooks opens the inventory alone, runs fn and closes it again.
func withBooks(c *cli.Context, now func() time.Time, fn func(*books.Books) error) error {
	o, err := options(c, now)
	if err != nil {
		return err
	}
	if err := checkIssuer(c, o.Config); err != nil {
		return err
	}
	b, err := books.Open(c.Context, o.Config, now, o.Logger)
	if err != nil {
		return coded(err)
	}
	return coded(errors.Join(fn(b), b.Close()))
}

// coded gives an error the exit code that it is documented to have.
func coded(err error) error {
	if errors.Is(err, ledger.ErrLocked) {
		return &cliexit.Error{Code: cliexit.Locked, Err: err}
	}
	if err != nil && room.RefusedByRecord(err) {
		return &cliexit.Error{Code: cliexit.Record, Err: err}
	}
	if _, refused := errors.AsType[*sectiona.Refusal](err); refused && cliexit.Code(err) == cliexit.Unfinished {
		return &cliexit.Error{Code: cliexit.Refused, Err: err}
	}
	if _, refused := errors.AsType[*room.ApprovalRefusal](err); refused && cliexit.Code(err) == cliexit.Unfinished {
		return &cliexit.Error{Code: cliexit.Refused, Err: err}
	}
	if _, refused := errors.AsType[*room.TokenRefusal](err); refused && cliexit.Code(err) == cliexit.Unfinished {
		return &cliexit.Error{Code: cliexit.Refused, Err: err}
	}
	return err
}

// say prints one line of the result unless --json asks for a document.
func say(c *cli.Context, format string, args ...any) {
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, format+"\n", args...)
	}
}

// answer prints v when --json is set.
func answer(c *cli.Context, v any) error {
	if !c.Bool("json") {
		return nil
	}
	return cliexit.PrintJSON(c.App.Writer, v)
}
