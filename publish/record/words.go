package record

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/ledger"
	"seihon/override"
)

// words are what the room said in the log beside the artifacts: that certificates expired, and which changes
// somebody allowed. They are read when something first left or changed, which most runs never see.
type words struct {
	log    *ledger.Log
	keys   []ed25519.PublicKey
	read   bool
	ends   map[string]ending
	passes map[string][]int64 // the entries that allow a change
}

// An ending is when the log says that a certificate ended.
type ending struct {
	notAfter  time.Time
	index     int64 // of the first statement
	different int64 // of the first statement with another date; 0: none
}

var errTwoDates = errors.New("two statements of the log differ")

func (w *words) load(ctx context.Context) error {
	if w.read {
		return nil
	}
	w.ends, w.passes = map[string]ending{}, map[string][]int64{}
	index := int64(0)
	for e, err := range w.log.Entries(ctx, 0, w.log.Size()) {
		switch {
		case err != nil:
			return err
		case e.Expiry != nil:
			w.addExpiry(e.Expiry, index)
		case e.Override != nil:
			w.addOverride(e, index)
		}
		index++
	}
	w.read = true
	return nil
}

func (w *words) addExpiry(x *ledger.Expiry, index int64) {
	for _, s := range x.Entries {
		key := certificateKey(x.Issuer, s.Serial)
		known, ok := w.ends[key]
		switch {
		case !ok:
			w.ends[key] = ending{notAfter: s.NotAfter, index: index}
		case !known.notAfter.Equal(s.NotAfter) && known.different == 0:
			known.different = index
			w.ends[key] = known
		}
	}
}

// addOverride notes the changes of an override that a pinned key signed and that held when it was recorded.
func (w *words) addOverride(e *ledger.Entry, index int64) {
	o, err := override.Parse([]byte(e.Override.Text))
	if err != nil || !o.SignedBy(w.keys) || !e.Time.Before(o.Expires) {
		return // nobody whom we trust said so: it counts for nothing
	}
	for _, c := range e.Override.Changes {
		was, err1 := override.ParseStatus(c.Was)
		now, err2 := override.ParseStatus(c.Now)
		if err1 != nil || err2 != nil {
			continue
		}
		for _, dated := range []bool{true, false} {
			key := passKey(e.Override.Issuer, c.Serial, was, now, dated)
			w.passes[key] = append(w.passes[key], index)
		}
	}
}

// passKey names a change. A list says nothing of a certificate of which a response says that it is good, and
// a response has no invalidity date: dated is false where one is concerned.
func passKey(issuer, serial string, was, now override.Status, dated bool) string {
	key := certificateKey(issuer, serial)
	for _, s := range []override.Status{was, now} {
		if s.State == override.Good {
			s.State = override.Absent
		}
		if !dated {
			s.Invalidity = time.Time{}
		}
		key += "/" + s.String()
	}
	return fmt.Sprint(key, "/", dated)
}

// expiry is when a certificate ended by a statement before an entry.
func (w *words) expiry(ctx context.Context, issuer, serial string, before int64) (time.Time, bool, error) {
	if err := w.load(ctx); err != nil {
		return time.Time{}, false, err
	}
	end, ok := w.ends[certificateKey(issuer, serial)]
	switch {
	case !ok || end.index >= before:
		return time.Time{}, false, nil
	case end.different > 0 && end.different < before:
		return time.Time{}, false, errTwoDates
	}
	return end.notAfter, true, nil
}

// allow reports whether an override lets exactly this change pass. It stands in the log between the two versions: one
// that was used before does not count again.
func (w *words) allow(ctx context.Context, p *pair, serial string, was, now override.Status) (bool, error) {
	if err := w.load(ctx); err != nil {
		return false, err
	}
	passes := w.passes[passKey(p.now.Issuer, serial, was, now, p.now.Kind.IsRevocationList())]
	return slices.ContainsFunc(passes,
		func(index int64) bool { return index > p.was.Index && index < p.now.Index }), nil
}
