package main

import (
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/public"
	"seihon/sectiona"
)

// maxExplain bounds the file that explain reads.
const maxExplain = 1 << 30

// verdict is what section A says of one file.
type verdict struct {
	File    string            `json:"file"`
	Kind    artifact.Kind     `json:"kind"`
	SHA256  string            `json:"sha256"`
	Allowed bool              `json:"allowed"`
	Ledger  bool              `json:"in_ledger"`
	Refusal *sectiona.Refusal `json:"refusal,omitempty"`
}

func explainCommand(now func() time.Time) *cli.Command {
	return &cli.Command{
		Name:  "explain",
		Usage: "say whether section A allows files to be public, by which rule, and what to do",
		Flags: cliexit.Flags(
			&cli.StringSliceFlag{Name: "file", Usage: "the `FILE` to judge; may be repeated", Required: true},
		),
		Action: func(c *cli.Context) error {
			if !c.IsSet("config") && !exists(c.String("config")) {
				// Without a repository, content alone decides: whoever found a file can ask.
				return explain(c, &sectiona.Policy{Now: now}, nil)
			}
			h, err := open(c, now)
			if err != nil {
				return err
			}
			return h.explain(c)
		},
	}
}

func (h *host) explain(c *cli.Context) error {
	master, err := h.master(c.Context)
	if err != nil {
		return err
	}
	known, err := digests(c, master)
	if err != nil {
		return err
	}
	policy, err := h.policy(c.Context, master)
	if err != nil {
		return err
	}
	return explain(c, policy, known)
}

func explain(c *cli.Context, policy *sectiona.Policy, known map[artifact.Digest]ledger.Line) error {
	verdicts, refused := []verdict{}, false
	for _, file := range c.StringSlice("file") {
		v, err := judge(policy, file, known)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, v)
		refused = refused || !v.Allowed
	}
	if err := printVerdicts(c, verdicts); err != nil {
		return err
	}
	if refused {
		return &cliexit.Error{Code: cliexit.Refused}
	}
	return nil
}

// digests lists what the master's ledger has now, by content.
func digests(c *cli.Context, master *ledger.Log) (map[artifact.Digest]ledger.Line, error) {
	state, err := master.State(c.Context, master.Size())
	if err != nil {
		return nil, err
	}
	known := map[artifact.Digest]ledger.Line{}
	for line := range state.All() {
		known[line.Digest] = line
	}
	return known, nil
}

func judge(policy *sectiona.Policy, file string, known map[artifact.Digest]ledger.Line) (verdict, error) {
	info, err := os.Stat(file)
	if err != nil {
		return verdict{}, fmt.Errorf("reading the file to explain: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxExplain {
		return verdict{}, cliexit.UsageError("--file %q must be a regular file of at most %d bytes", file, maxExplain)
	}
	content, err := regular.ReadFile(file)
	if err != nil {
		return verdict{}, fmt.Errorf("reading the file to explain: %w", err)
	}
	a := artifact.Parse(content)
	if a.Kind == artifact.OCSPBundle {
		if err := ocspcache.Attach(a); err != nil {
			return verdict{}, err
		}
	}
	line, ok := known[a.Digest]
	evidence := sectiona.Evidence{InLedger: ok, Claimed: line.Kind}
	if sig, err := regular.ReadFile(public.Signature(file)); err == nil {
		evidence.Signature = artifact.Parse(sig)
	}
	refusal := policy.Admit(a, evidence)
	return verdict{File: file, Kind: a.Kind, SHA256: a.Digest.String(), Allowed: refusal == nil, Ledger: ok,
		Refusal: refusal}, nil
}

func printVerdicts(c *cli.Context, verdicts []verdict) error {
	if c.Bool("json") {
		return cliexit.PrintJSON(c.App.Writer, verdicts)
	}
	for _, v := range verdicts {
		if v.Allowed {
			fmt.Fprintf(c.App.Writer, "%s: allowed: %s, sha256 %s\n", v.File, v.Kind, v.SHA256)
			continue
		}
		r := v.Refusal
		fmt.Fprintf(c.App.Writer, "%s: REFUSED by rule %s (%s): %s, %s\n  %s\n  %s\n  what to do: %s\n",
			v.File, r.Rule, sectiona.Pack, v.Kind, r.Reason, r.Quote, r.Gloss, r.Hint)
	}
	return nil
}
