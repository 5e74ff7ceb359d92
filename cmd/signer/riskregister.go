package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/hsmsign/risk"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/ledger"
)

// recordedEvidence is the answer of `signer evidence`.
type recordedEvidence struct {
	Kind     string           `json:"kind"`
	File     string           `json:"file"`
	TreeSize int64            `json:"tree_size"`          // 0: it was not recorded
	Register *checkedRegister `json:"register,omitempty"` // of a risk register that was recorded
	Problems []risk.Problem   `json:"problems,omitempty"` // of one that was not
	plannedAnswer
}

// A checkedRegister has all that section 3-1 asks for.
type checkedRegister struct {
	Risks       int            `json:"risks"`
	Recommended []risk.Problem `json:"recommended"` // what section 3-1 recommends and the register lacks
	NextReview  time.Time      `json:"next_review"`
}

// said is what was looked at of a document.
func (r *checkedRegister) said() string {
	switch {
	case r == nil:
		return "its SHA-256 and its day of review, if any; what it says was not looked at"
	case len(r.Recommended) > 0:
		return fmt.Sprintf("a register of %d risks, with all that section 3-1 asks for; what it recommends is "+
			"missing: %s", r.Risks, r.Recommended[0])
	}
	return fmt.Sprintf("a register of %d risks, with all that section 3-1 asks for; whether the assessment is right "+
		"was not looked at", r.Risks)
}

// checkRegister holds a risk register against section 3-1 of the report, before the token is asked for anything, and
// writes it for people.
func checkRegister(c *cli.Context, doc []byte, next, now time.Time) (*checkedRegister, error) {
	conf, err := load(c)
	if err != nil {
		return nil, err
	}
	lang, err := cliexit.Language(c)
	if err != nil {
		return nil, err
	}
	r, err := risk.Parse(doc)
	if err != nil {
		return nil, err
	}
	if !next.IsZero() && !next.Equal(r.NextReview) {
		return nil, cliexit.UsageError("--review is %s and next_review of the register %s: leave --review out",
			next.Format(time.DateOnly), r.NextReview.Format(time.DateOnly))
	}
	if file := c.String("render"); file != "" {
		if err := absent("render", file); err != nil {
			return nil, err
		}
	}
	if file := c.String("render"); file != "" && !c.Bool(dryFlag.Name) {
		write := func(w io.Writer) error {
			_, err := io.WriteString(w, r.Markdown(lang, now))
			return err
		}
		if err := writeNew(file, 0o644, write); err != nil {
			return nil, err
		}
	}
	checked := &checkedRegister{Risks: len(r.Risks), Recommended: []risk.Problem{}, NextReview: r.NextReview}
	problems := r.Check(now)
	if r.Example && conf.Signer.Policy != config.PolicyTrial {
		problems = append(problems,
			risk.Problem{Field: "example",
				Text: "its values are made up: assess your own risks, and take this line out"})
	}
	asked := 0
	for _, p := range problems {
		if p.Recommended {
			checked.Recommended = append(checked.Recommended, p)
			continue
		}
		asked++
		say(c, "%s", p)
	}
	if asked == 0 {
		return checked, nil
	}
	err = &cliexit.Error{Code: cliexit.Findings,
		Err: fmt.Errorf("not recorded: at %d places the register lacks what section 3-1 of the report asks for: %s",
			asked, risk.Problem{}.Quote())}
	return nil,
		errors.Join(answer(c, recordedEvidence{Kind: ledger.EvidenceRisk, File: c.String("file"), Problems: problems}),
			err)
}
