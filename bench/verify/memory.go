package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"seihon/artifact"
	"seihon/bench/bar"
	"seihon/hsmsign/crl"
	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify"
	"seihon/verify/report"
)

// The history of one CA: a list a day. Every day some revocations are new, and as many leave because their certificates
// expired, which the log states.
const (
	listed = 100_000 // entries of a list
	daily  = 100     // that come and go
)

// memoryPart measures the check of a year of lists and of half of it: the time must grow with the lists, not faster.
func memoryPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	var results []outcome
	for _, days := range []int{s.days / 2, s.days} {
		year := s
		year.days, year.dir = days, filepath.Join(s.dir, fmt.Sprint(days))
		fmt.Printf("making %d lists of %d entries\n", days, listed)
		if _, err := child(ctx, year, "history", ""); err != nil {
			return nil, err
		}
		r, err := rounds(s.rounds, []contender{
			{fmt.Sprintf("verify, full tier, %d lists", days),
				func() (outcome, error) { return child(ctx, year, "check-history", "") }},
		})
		if err != nil {
			return nil, err
		}
		results = append(results, r[0])
		if err := os.RemoveAll(year.dir); err != nil {
			return nil, err
		}
	}
	return []bar.Bar{
		bar.AtMost("verify-memory-time-of-twice-the-lists", results[1].elapsed.Seconds()/results[0].elapsed.Seconds(),
			2.2),
		bar.AtMost("verify-memory-peak-MiB", float64(results[1].peak)/(1<<20), 256),
	}, nil
}

// makeHistory signs the lists and states the expiries.
func makeHistory(ctx context.Context, s settings) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	m := &maker{s: s}
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.writer.Close()
	if err := m.artifact(ctx, "cert/ca.cer", artifact.CACertificate, m.ca.Raw, "1", m.ca.NotBefore,
		m.ca.NotAfter); err != nil {
		return err
	}
	if err := m.artifact(ctx, "docs/cps-1.pdf", artifact.Document, []byte("%PDF-1.7\n%%EOF\n"), "", time.Time{},
		time.Time{}); err != nil {
		return err
	}
	for day := range s.days {
		if err := m.day(ctx, day); err != nil {
			return err
		}
	}
	return m.save()
}

// dayTime is when the list of a day is made; the newest is that of the benchmark's time.
func (m *maker) dayTime(day int) time.Time { return epoch.AddDate(0, 0, day-m.s.days+1) }

func entrySerial(n int) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x42, 0, 0, 0, 0, 0, 0, 0}, uint64(n))
}

func (m *maker) day(ctx context.Context, day int) error {
	this := m.dayTime(day)
	var b bytes.Buffer
	t := crl.Template{Issuer: m.ca, Number: big.NewInt(int64(day + 1)), ThisUpdate: this,
		NextUpdate: this.Add(validity)}
	_, err := crl.Encode(ctx, &b, t, func(yield func(crl.Entry, error) bool) {
		for n := day * daily; n < day*daily+listed; n++ {
			if !yield(crl.Entry{Serial: entrySerial(n), Time: epoch.AddDate(-2, 0, 0), Reason: crl.Absent}, nil) {
				return
			}
		}
	}, m.key, crl.Options{})
	if err != nil {
		return err
	}
	if err := m.artifact(ctx, "crl/ca.crl", artifact.CRL, b.Bytes(), fmt.Sprint(day+1), this,
		this.Add(validity)); err != nil {
		return err
	}
	if err := m.stateExpiry(ctx, day); err != nil {
		return err
	}
	if _, err := m.writer.AppendBatch(ctx, m.lines, ""); err != nil {
		return err
	}
	m.lines = nil
	_, err = m.writer.Commit(ctx)
	return err
}

// stateExpiry says of the entries that left with this day's list that they stood on the last list after they had
// expired.
func (m *maker) stateExpiry(ctx context.Context, day int) error {
	if day == 0 {
		return nil
	}
	e := &ledger.Expiry{Issuer: "ca"}
	for n := (day - 1) * daily; n < day*daily; n++ {
		e.Entries = append(e.Entries,
			ledger.Expired{Serial: fmt.Sprintf("%x", entrySerial(n)), NotAfter: m.dayTime(day - 1).Add(-time.Hour)})
	}
	return m.writer.Append(ctx, &ledger.Entry{Expiry: e})
}

// checkHistory verifies the master alone.
func checkHistory(ctx context.Context, s settings) error {
	f, err := loadFixture(s)
	if err != nil {
		return err
	}
	v, err := ledger.NewVerifier(origin, f.VKeys...)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(f.CA)
	if err != nil {
		return err
	}
	checked, err := verify.Check(ctx, verify.Config{
		Master: s.path("master"), Verifier: v,
		Policy: &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca}, nil)},
		Now:    func() time.Time { return epoch.Add(time.Hour) },
	})
	if err != nil {
		return err
	}
	if err := checked.WriteText(os.Stdout); err != nil {
		return err
	}
	if checked.Count(report.Critical)+checked.Count(report.Error) > 0 || checked.Memory.Lists != int64(s.days-1) {
		return errors.New("the history is not clean, or not all of it was compared")
	}
	return nil
}
