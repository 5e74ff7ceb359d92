package room

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/ledger/timestamp"
)

// A list of tomorrow cannot be taken back: section A refuses every right one after
// it, since dates never go back. So the room looks at its clock before it signs
// anything, and the master is what it compares with: the time of the log's last
// entry, and the last time-stamp, which is the clock of somebody else. A second
// clock of the room (clock_second.go) is asked where the configuration has one.

// clockSlack is how far clocks that are kept right may differ.
const clockSlack = 5 * time.Minute

// DatedAhead reports whether a clock that was wrong has dated something: this one is believed, or nothing would be
// signed.
func DatedAhead(date, now time.Time) bool { return date.After(now.Add(clockSlack)) }

// A ClockError says why the room's clock is not believed. It is a refusal by the
// record, and [Options.AcceptClock] lets it pass, on record.
type ClockError struct {
	Now, Last time.Time // Last is the newest time that the master shows
	why       string
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock of this machine says %s: %s; nothing is signed: set the clock right, and if it is "+
		"right, run "+
		"`signer run --accept-clock REASON` once (docs/operations.md, wrong clock)", e.Now.UTC().Format(time.RFC3339),
		e.why)
}

// checkClock holds the clock against the master. reason accepts a clock that does
// not fit, which is recorded before anything else.
func (r *Room) checkClock(ctx context.Context, reason string) error {
	wrong, err := clockFault(ctx, r.Config, r.Log.Log(), r.Now())
	switch {
	case err != nil:
		return err
	case wrong == nil && reason != "":
		return errors.New("--accept-clock: the clock fits the master; leave the flag out")
	case wrong == nil:
		return nil
	case reason == "" || r.DryRun:
		return &RecordError{Err: wrong}
	}
	note := fmt.Sprintf("the clock said %s, the master %s; %s: %s", wrong.Now.UTC().Format(time.RFC3339),
		wrong.Last.UTC().Format(time.RFC3339), wrong.why, reason)
	e := &ledger.Evidence{Kind: ledger.EvidenceClock, Name: wrong.Now.UTC().Format("20060102T150405Z"),
		Digest: artifact.Sum([]byte(note)), Note: note}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return fmt.Errorf("recording that the clock was accepted: %w", err)
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return fmt.Errorf("recording that the clock was accepted: %w", err)
	}
	return nil
}

// clockFault says what does not fit, if anything.
func clockFault(ctx context.Context, conf *config.Config, log *ledger.Log, now time.Time) (*ClockError, error) {
	last := log.Time()
	if why := secondClock(conf.Signer.Clock, now); why != nil {
		return &ClockError{Now: now, Last: last, why: "signer.clock: " + why.Error()}, nil
	}
	if last.IsZero() {
		return nil, nil // the log is empty
	}
	stamped, size, err := lastStamp(ctx, conf, log)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		e, err := log.Entry(ctx, size-1)
		if err != nil {
			return nil, fmt.Errorf("comparing the clock with the last time-stamp: %w", err)
		}
		if ahead := e.Time.Sub(stamped); ahead > clockSlack && size == log.Size() {
			return &ClockError{Now: now, Last: stamped,
				why: fmt.Sprintf("the last entry of the master log has a time %v after that of its own time-stamp",
					ahead.Round(time.Second))}, nil
		}
	}
	what := "the last entry of the master log"
	if stamped.After(last) {
		last, what = stamped, "the last time-stamp of the master log"
	}
	bound := conf.Signer.MaxClockJump.Std()
	switch gap := now.Sub(last); {
	case gap < -clockSlack:
		return &ClockError{Now: now, Last: last,
			why: fmt.Sprintf("that is %v before %s", (-gap).Round(time.Second), what)}, nil
	case bound > 0 && gap > bound:
		return &ClockError{Now: now, Last: last,
			why: fmt.Sprintf("that is %v after %s, more than signer.max_clock_jump (%v)", gap.Round(time.Second), what,
				bound)}, nil
	}
	return nil, nil
}

// lastStamp finds the newest checkpoint that an authority of the configuration
// stamped, and when it did.
func lastStamp(ctx context.Context, conf *config.Config, log *ledger.Log) (at time.Time, size int64, err error) {
	var authorities []timestamp.Authority
	for _, t := range conf.Signer.Timestamps {
		a, err := authorityOf(t)
		if err != nil {
			return at, 0, err
		}
		authorities = append(authorities, a)
	}
	if len(authorities) == 0 {
		return at, 0, nil
	}
	sizes, err := log.Stamped()
	if err != nil || len(sizes) == 0 {
		return at, 0, err
	}
	size = sizes[len(sizes)-1]
	checkpoint, err := log.ArchivedCheckpoint(ctx, size)
	if err != nil {
		return at, 0, fmt.Errorf("looking for time-stamps: %w", err)
	}
	tokens, err := log.Tokens(size)
	if err != nil {
		return at, 0, err
	}
	for _, path := range tokens {
		token, err := log.ReadToken(path)
		if err != nil {
			return at, 0, err
		}
		if s, err := timestamp.Verify(token, checkpoint, authorities); err == nil && s.Time.After(at) {
			at = s.Time
		}
	}
	if at.IsZero() {
		// Tokens of other authorities, or damaged ones, say nothing here: the log's own time is still compared, and
		// the auditor judges every token.
		return at, 0, nil
	}
	return at, size, nil
}

// RevocationClock holds the clock against the master and the second clock, where the machine's time would become the
// date of a revocation (RFC 5280 section 5.1.2.6: when the CA revoked): a list cannot take it back.
func RevocationClock(ctx context.Context, conf *config.Config, now time.Time) error {
	log, err := OpenMaster(ctx, conf)
	if err != nil {
		return fmt.Errorf("comparing the clock with the master: %w; with --time the revocation needs no clock", err)
	}
	wrong, err := clockFault(ctx, conf, log, now)
	switch {
	case err != nil:
		return err
	case wrong != nil:
		return &RecordError{Err: fmt.Errorf("the clock of this machine says %s: %s; nothing is recorded: set the "+
			"clock right, or say by --time when it was revoked",
			now.UTC().Format(time.RFC3339), wrong.why)}
	}
	return nil
}
