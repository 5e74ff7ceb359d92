package record

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/override"
)

// maxFaults is how many faults of one pair are kept; the others are counted.
const maxFaults = 5

type checker struct {
	Config
	memory  memory
	heads   map[string]head
	words   words
	verdict *Verdict

	certificates artifact.CertificateCache // of responders, which are in every one of their responses
}

// entry walks on by one entry of the log.
func (k *checker) entry(ctx context.Context, index int64) error {
	e, err := k.Master.Entry(ctx, index)
	if err != nil {
		return err
	}
	if e.Batch == nil {
		return nil
	}
	var lines []ledger.Line
	for line, err := range k.Master.Lines(ctx, e.Batch) {
		if err != nil {
			return err
		}
		if line.Kind.IsCertificate() && line.Number != "" && !line.NotAfter.IsZero() {
			k.memory.Ends[certificateKey(line.Issuer, line.Number)] = line.NotAfter
		}
		if speaks(line) {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		now := headOf(line, index)
		if err := k.successor(ctx, now); err != nil {
			if ctx.Err() != nil {
				return err
			}
			k.verdict.Unread = append(k.verdict.Unread, UnreadError{line.Issuer, err})
		}
		k.heads[line.Name] = now
	}
	return nil
}

// speaks reports whether a line says something of certificates that its successor must not unsay. An
// archived list is a copy of what was said under the current name.
func speaks(l ledger.Line) bool {
	return l.Kind == artifact.OCSPGeneration || l.Kind.IsRevocationList() && !l.History
}

// successor compares a version with the one before it, if there is one.
func (k *checker) successor(ctx context.Context, now head) error {
	was, ok := k.heads[now.Name]
	if !ok || was.Digest == now.Digest {
		return nil
	}
	p := &pair{checker: k, was: was, now: now}
	if now.Kind == artifact.OCSPGeneration {
		return p.generations(ctx)
	}
	return p.lists(ctx)
}

// A pair is a version and its successor.
type pair struct {
	*checker
	was, now head
	kept     int
	since    time.Time // thisUpdate of the older one: what had expired by then may leave
	delta    bool      // both are deltas of one base
}

func (p *pair) fault(f Fault) {
	p.verdict.Count++
	if p.kept++; p.kept > maxFaults {
		return
	}
	f.Issuer, f.Old, f.New = p.now.Issuer, p.was.ref(), p.now.ref()
	p.verdict.Faults = append(p.verdict.Faults, f)
}

const (
	reasonHold   = 6
	reasonRemove = 8
)

// changed judges what is said of one certificate now against what was said. The two differ.
func (p *pair) changed(ctx context.Context, serial []byte, was, now override.Status) error {
	if was == now || was.State != override.Revoked {
		return nil
	}
	if was.Reason == reasonHold && p.endsHold(was, now) {
		return nil
	}
	number := serialText(serial)
	if now.State != override.Revoked {
		expired, why, err := p.expired(ctx, number)
		if err != nil || expired {
			return err
		}
		if why != "" {
			p.fault(Fault{Serial: number, Was: was.String(), Now: now.String(), Why: why})
			return nil
		}
	} else if p.delta && was.Reason == reasonRemove {
		return nil // it was released and is revoked again
	}
	allowed, err := p.words.allow(ctx, p, number, was, now)
	if err != nil || allowed {
		return err
	}
	why := "its revocation was changed"
	if now.State != override.Revoked {
		why = "its revocation was taken back although nothing in the log says that it expired"
	}
	p.fault(Fault{Serial: number, Was: was.String(), Now: now.String(), Why: why})
	return nil
}

// endsHold reports whether a hold may become what is said now.
func (p *pair) endsHold(was, now override.Status) bool {
	switch {
	case now.State == override.Absent && p.delta:
		return false
	case now.State != override.Revoked:
		return true
	case now.Reason == reasonRemove:
		return p.delta
	}
	return now.Reason != reasonHold && !now.Time.Before(was.Time)
}

// expired reports whether a certificate had ended when the older version was made. why says what is wrong
// with the statements about it.
func (p *pair) expired(ctx context.Context, number string) (ended bool, why string, err error) {
	if end, ok := p.memory.Ends[certificateKey(p.now.Issuer, number)]; ok {
		return end.Before(p.since), "", nil
	}
	end, found, err := p.words.expiry(ctx, p.now.Issuer, number, p.now.Index)
	if errors.Is(err, errTwoDates) {
		return false, "the log has two different dates of its expiry", nil
	}
	return err == nil && found && end.Before(p.since), "", err
}

// serialText is a serial as the log writes it.
func serialText(serial []byte) string { return fmt.Sprintf("%x", new(big.Int).SetBytes(serial)) }

func certificateKey(issuer, serial string) string { return issuer + "/" + serial }
