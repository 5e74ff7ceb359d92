package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"seihon/evidence"
	"seihon/internal/cliexit"
	"seihon/internal/regular"
	"seihon/ledger/timestamp"
)

// checkEvidence proves a file from the pins of the configuration.
func (h *host) checkEvidence(c *cli.Context) error {
	for _, other := range []string{"issuer", "serial", "certificate", "time", "out"} {
		if c.IsSet(other) {
			return cliexit.UsageError("--check reads a file that has its own question: leave --%s away", other)
		}
	}
	file, err := regular.ReadFile(c.String("check"))
	if err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	pins, err := h.evidencePins()
	if err != nil {
		return err
	}
	r, err := evidence.Check(file, pins)
	if err != nil {
		return &cliexit.Error{Code: cliexit.Findings, Err: err}
	}
	if err := tell(c, &r.Answer); err != nil || c.Bool("json") {
		return err
	}
	fmt.Fprintf(c.App.Writer,
		"checked: signatures, inclusion and dates fit the pinned keys; %d of %d time-stamps verified\n", r.Stamps,
		r.Tokens)
	fmt.Fprintf(c.App.Writer, "検証済み: 署名、記録への包含及び日時は、固定した鍵と一致する。時刻印は %d 件中 %d 件を検証した\n", r.Tokens, r.Stamps)
	for _, s := range r.Missing {
		fmt.Fprintf(c.App.Writer,
			"not shown by the file: what %s says; compare its SHA-256 %s with the list of the master\n", s.Name,
			s.SHA256)
		fmt.Fprintf(c.App.Writer, "この文書だけでは示されない: %s の内容。SHA-256 %s を正本のリストと比べること\n", s.Name, s.SHA256)
	}
	return nil
}

func (h *host) evidencePins() (evidence.Pins, error) {
	v, err := h.verifier()
	if err != nil {
		return evidence.Pins{}, err
	}
	trust, err := h.trust()
	if err != nil {
		return evidence.Pins{}, err
	}
	pins := evidence.Pins{Log: v, Anchors: trust.Anchors()}
	if h.conf.Signer == nil {
		return pins, nil
	}
	for _, t := range h.conf.Signer.Timestamps {
		roots, err := readRoots(t)
		if err != nil {
			return pins, err
		}
		pins.Authorities = append(pins.Authorities, timestamp.Authority{Name: t.Name, Anchors: roots})
	}
	return pins, nil
}
