package source

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/inventory"
)

// A column is one named value of a record. CSV headers, the keys of JSON lines
// and the columns of a query are all drawn from the same table.
type column func(value string, r *inventory.Record) error

// columns by name. Times are RFC 3339, or Unix time where the name says so.
// An empty value is an absent one.
var columns = map[string]column{
	"serial": func(v string, r *inventory.Record) (err error) {
		r.Serial, err = parseHexSerial([]byte(v))
		return err
	},
	"serial_decimal": func(v string, r *inventory.Record) (err error) {
		n, ok := new(big.Int).SetString(v, 10)
		if !ok {
			return errors.New("want decimal digits")
		}
		r.Serial, err = inventory.SerialOf(n)
		return err
	},
	"state":   setState,
	"subject": func(v string, r *inventory.Record) error { r.Subject = v; return nil },
	"consent": func(v string, r *inventory.Record) error { r.Consent = v; return nil },
	"kind":    func(v string, r *inventory.Record) error { r.Kind = artifact.Kind(v); return nil },
	"reason": func(v string, r *inventory.Record) (err error) {
		r.Revocation.Reason, err = inventory.ParseReason(v)
		return err
	},
	"certificate": func(v string, r *inventory.Record) (err error) {
		r.DER, err = base64.StdEncoding.DecodeString(v)
		return err
	},
}

// timeColumns are the columns that hold times.
var timeColumns = map[string]func(*inventory.Record) *time.Time{
	"not_before":      func(r *inventory.Record) *time.Time { return &r.NotBefore },
	"not_after":       func(r *inventory.Record) *time.Time { return &r.NotAfter },
	"revoked_at":      func(r *inventory.Record) *time.Time { return &r.Revocation.Time },
	"invalidity_date": func(r *inventory.Record) *time.Time { return &r.Revocation.InvalidityDate },
}

// find returns the column with this name.
func find(name string) (column, error) {
	if c, ok := columns[name]; ok {
		return c, nil
	}
	for _, form := range []struct {
		suffix string
		parse  func(string) (time.Time, error)
	}{{"_unix_ms", parseUnix(time.Millisecond)}, {"_unix", parseUnix(time.Second)}, {"", parseRFC3339}} {
		base, ok := strings.CutSuffix(name, form.suffix)
		if field, known := timeColumns[base]; ok && known {
			return func(v string, r *inventory.Record) (err error) {
				*field(r), err = form.parse(v)
				return err
			}, nil
		}
	}
	known := slices.Sorted(maps.Keys(columns))
	known = append(known, slices.Sorted(maps.Keys(timeColumns))...)
	return nil, fmt.Errorf("column %q is not one of %s (times also with _unix or _unix_ms)", name, strings.Join(known, ", "))
}

func parseRFC3339(v string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return t, errors.New("want a time such as 2026-11-24T06:00:00Z")
	}
	return t.UTC().Truncate(time.Second), nil
}

func parseUnix(unit time.Duration) func(string) (time.Time, error) {
	return func(v string) (time.Time, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return time.Time{}, errors.New("want a whole number")
		}
		if unit == time.Millisecond {
			return time.UnixMilli(n).UTC().Truncate(time.Second), nil
		}
		return time.Unix(n, 0).UTC(), nil
	}
}

// setState reads a state; "expired" says nothing of a revocation.
func setState(v string, r *inventory.Record) error {
	switch strings.ToLower(v) {
	case "issued", "valid", "good", "expired":
		r.State = inventory.Issued
	case "revoked":
		r.State = inventory.Revoked
	default:
		return errors.New("want issued or revoked")
	}
	return nil
}

// newRecord is a record before its columns are set.
func newRecord(kind artifact.Kind) inventory.Record {
	return inventory.Record{
		Certificate: inventory.Certificate{Kind: kind},
		Revocation:  inventory.Revocation{Reason: inventory.NoReason},
	}
}

// finish holds the columns of a record against each other. Without a state, a
// date of revocation makes it revoked.
func finish(r *inventory.Record) error {
	hasDate := !r.Revocation.Time.IsZero()
	switch {
	case r.Serial == nil:
		return errors.New("the serial is missing")
	case r.State == inventory.Reserved && hasDate:
		r.State = inventory.Revoked
	case r.State == inventory.Reserved:
		r.State = inventory.Issued
	}
	if hasDate != (r.State == inventory.Revoked) {
		return fmt.Errorf("serial %x: state %s does not go with the date of revocation", r.Serial, r.State)
	}
	if !hasDate && r.Revocation.Reason != inventory.NoReason {
		return fmt.Errorf("serial %x: a reason without a date of revocation", r.Serial)
	}
	return nil
}
