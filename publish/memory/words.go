package memory

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"seihon/ledger"
	"seihon/override"
)

// words are the log's statements about certificates: that they expired, and
// that a signed override let their status change.
type words struct {
	expiries map[string][]expiry // by issuer and serial
	changes  map[string][]change
}

type expiry struct {
	index    int64
	notAfter time.Time
}

type change struct {
	index    int64
	was, now string
}

func key(issuer, serial string) string { return issuer + "/" + serial }

// read collects the statements of the whole log. It is asked for only when an
// entry is missing or changed, which is seldom.
func (c *checker) read(ctx context.Context) (*words, error) {
	if c.words != nil {
		return c.words, nil
	}
	w := &words{expiries: map[string][]expiry{}, changes: map[string][]change{}}
	index := int64(-1)
	for e, err := range c.log.Entries(ctx, 0, c.log.Size()) {
		if err != nil {
			return nil, fmt.Errorf("reading the log's statements: %w", err)
		}
		index++
		if e.Expiry != nil {
			for _, x := range e.Expiry.Entries {
				k := key(e.Expiry.Issuer, x.Serial)
				w.expiries[k] = append(w.expiries[k], expiry{index, x.NotAfter})
			}
		}
		if e.Override != nil {
			c.permit(w, index, e)
		}
	}
	c.words = w
	return w, nil
}

// permit takes in an override that a pinned key signed and that had not expired
// when it was recorded. What it was signed for is either this very change, or an
// import, whose changes the room states.
func (c *checker) permit(w *words, index int64, e *ledger.Entry) {
	o, err := override.Parse([]byte(e.Override.Text))
	if err != nil || !o.SignedBy(c.pinned) || !e.Time.Before(o.Expires) {
		return
	}
	for _, x := range e.Override.Changes {
		k := key(e.Override.Issuer, x.Serial)
		w.changes[k] = append(w.changes[k], change{index, x.Was, x.Now})
	}
}

// permitted reports whether an override before this step lets a status change.
// Responses carry no invalidity date, so for them it does not count.
func (s *step) permitted(serial string, was, now override.Status, answer bool) (bool, error) {
	w, err := s.c.read(s.ctx)
	if err != nil {
		return false, err
	}
	for _, x := range w.changes[key(s.now.Issuer, serial)] {
		if x.index < s.index && says(x.was, was, answer) && says(x.now, now, answer) {
			return true, nil
		}
	}
	return false, nil
}

func says(text string, status override.Status, answer bool) bool {
	said, err := override.ParseStatus(text)
	if answer {
		said.Invalidity = time.Time{}
	}
	return err == nil && said.String() == status.String()
}

// expired reports whether the log states, before this step, that a certificate
// expired before a time. Statements that contradict each other count for nothing.
func (s *step) expired(serial string, before time.Time) (bool, error) {
	w, err := s.c.read(s.ctx)
	if err != nil {
		return false, err
	}
	stated := false
	var end time.Time
	for _, x := range w.expiries[key(s.now.Issuer, serial)] {
		if x.index >= s.index {
			break
		}
		if stated && !x.notAfter.Equal(end) {
			return false, nil
		}
		stated, end = true, x.notAfter
	}
	return stated && end.Before(before), nil
}

// serialText is a serial as the log writes it.
func serialText(serial []byte) string { return fmt.Sprintf("%x", new(big.Int).SetBytes(serial)) }
