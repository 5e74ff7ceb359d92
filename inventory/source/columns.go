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
		if !ok || len(v) > 200 {
			return errors.New("want decimal digits; hexadecimal ones belong in the column serial")
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
		if err != nil {
			return errors.New("want DER in base64")
		}
		return nil
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
	for _, form := range timeForms {
		base, ok := strings.CutSuffix(name, form.suffix)
		if field, known := timeColumns[base]; ok && known {
			return func(v string, r *inventory.Record) (err error) {
				*field(r), err = form.parse(base, v)
				return err
			}, nil
		}
	}
	known := slices.Sorted(maps.Keys(columns))
	known = append(known, slices.Sorted(maps.Keys(timeColumns))...)
	return nil, fmt.Errorf("column %q is not one of %s (times also with _unix or _unix_ms)", name,
		strings.Join(known, ", "))
}

// timeForms are the ways in which a column can hold a time, by the suffix of its name.
var timeForms = []struct {
	suffix string
	parse  func(base, v string) (time.Time, error)
}{{"_unix_ms", parseUnix(time.Millisecond)}, {"_unix", parseUnix(time.Second)}, {"", parseRFC3339}}

func parseRFC3339(base, v string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		if n, numeric := strconv.ParseInt(v, 10, 64); numeric == nil {
			return t, fmt.Errorf("want a time such as 2026-11-24T06:00:00Z; a number belongs in %s",
				unitOf(base, n, "_unix or its like"))
		}
		return t, errors.New("want a time such as 2026-11-24T06:00:00Z")
	}
	return t.UTC().Truncate(time.Second), inventory.CheckDate(t)
}

// units are the units of Unix times, by the suffix that a column of each has or would have.
var units = []struct {
	suffix, name string
	time         func(int64) time.Time
}{
	{"_unix", "seconds", func(n int64) time.Time { return time.Unix(n, 0) }},
	{"_unix_ms", "milliseconds", time.UnixMilli},
	{"_unix_us", "microseconds", time.UnixMicro},
	{"_unix_ns", "nanoseconds", func(n int64) time.Time { return time.Unix(0, n) }},
}

// unitOf names the column that a number would fit: the unit in which it is a date of the last or the next decades.
func unitOf(base string, n int64, otherwise string) string {
	for _, u := range units {
		if t := u.time(n); t.After(inventory.Earliest) && t.Year() < 2300 {
			return base + u.suffix
		}
	}
	return otherwise
}

// parseUnix reads a number of units since 1970 and says what a wrong one looks like.
func parseUnix(unit time.Duration) func(base, v string) (time.Time, error) {
	own := units[0]
	if unit == time.Millisecond {
		own = units[1]
	}
	return func(base, v string) (time.Time, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return time.Time{}, errors.New("want a whole number")
		}
		if n <= 0 {
			return time.Time{}, fmt.Errorf("%d is no date: leave the field empty when there is none", n)
		}
		t := own.time(n)
		if inventory.CheckDate(t) == nil {
			return t.UTC().Truncate(time.Second), nil
		}
		for _, u := range units {
			if other := u.time(n); u.suffix != own.suffix && inventory.CheckDate(other) == nil && other.Year() < 2300 {
				if u.suffix == "_unix" || u.suffix == "_unix_ms" {
					return t, fmt.Errorf("it looks like %s: name the column %s%s", u.name, base, u.suffix)
				}
				return t, fmt.Errorf("it looks like %s: divide it and name the column %s_unix_ms", u.name, base)
			}
		}
		return t, inventory.CheckDate(t)
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
	if !hasDate && !r.Revocation.InvalidityDate.IsZero() {
		return fmt.Errorf("serial %x: an invalidity date without a date of revocation", r.Serial)
	}
	return nil
}
