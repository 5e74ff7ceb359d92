package room

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger/timestamp"
	"seihon/ledger/witness"
)

// renewTimestamp is how long before the end of an authority's certificate its token is renewed.
const renewTimestamp = 90 * 24 * time.Hour

// Timestamp has the configured authorities stamp the newest checkpoint, where they
// have not yet, and records the tokens in the log. One authority that fails does not
// keep the others from being asked.
func (r *Room) Timestamp(ctx context.Context) ([]timestamp.Result, error) {
	if len(r.Config.Signer.Timestamps) == 0 {
		return nil, fmt.Errorf("stamping the checkpoint: signer.timestamps names no authority")
	}
	authorities, err := r.timestampers()
	if err != nil {
		return nil, err
	}
	if r.DryRun {
		return timestamp.Plan(r.Log.Log(), authorities, r.Now(), renewTimestamp)
	}
	results, failed := timestamp.Checkpoint(ctx, r.Log, authorities, renewTimestamp, timestamp.Config{Now: r.Now})
	if err := timestamp.Record(ctx, r.Log, results); err != nil {
		return results, err
	}
	if _, err := r.Log.Commit(ctx); err != nil {
		return results, fmt.Errorf("recording the time-stamps: %w", err)
	}
	return results, failed
}

// timestampers are the configured authorities.
func (r *Room) timestampers() (authorities []timestamp.Authority, err error) {
	for _, t := range r.Config.Signer.Timestamps {
		a, err := authorityOf(t)
		if err != nil {
			return nil, err
		}
		authorities = append(authorities, a)
	}
	return authorities, nil
}

// Witness has the configured witnesses cosign the newest checkpoint. What came is kept
// even when it is fewer than the quorum asks for; the error then says who is missing.
func (r *Room) Witness(ctx context.Context) ([]witness.Cosignature, error) {
	s := r.Config.Signer
	if len(s.Witnesses) == 0 {
		return nil, fmt.Errorf("having the checkpoint witnessed: signer.witnesses names nobody")
	}
	var asked []witness.Witness
	var keys []*witness.Key
	for _, w := range s.Witnesses {
		key, err := witness.ParseKey(w.Key)
		if err != nil {
			return nil, err
		}
		asked, keys = append(asked, witness.Witness{Key: key, URL: w.URL}), append(keys, key)
	}
	if r.DryRun {
		planned := []witness.Cosignature{}
		for _, k := range keys {
			planned = append(planned, witness.Cosignature{Witness: k.Name()})
		}
		return planned, nil
	}
	signed, failed := witness.Cosign(ctx, r.Log.Log(), asked, s.Quorum, witness.Config{Now: r.Now})
	if signed == nil {
		return nil, failed
	}
	got, err := witness.Verify(signed, keys, 0)
	if err == nil && len(got) > 0 {
		err = r.Log.AddSignatures(ctx, signed)
	}
	return got, errors.Join(failed, err)
}

func authorityOf(t config.TSA) (timestamp.Authority, error) {
	a := timestamp.Authority{Name: t.Name, URL: t.URL, Policies: t.Policies}
	raw, err := regular.ReadFile(string(t.Roots))
	if err != nil {
		return a, fmt.Errorf("reading the roots of time-stamping authority %s: %w", t.Name, err)
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(bytes.TrimSpace(rest)) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return a, fmt.Errorf("parsing the roots of time-stamping authority %s, %q: %w", t.Name, t.Roots, err)
		}
		a.Anchors = append(a.Anchors, c)
	}
	if len(a.Anchors) == 0 {
		return a, fmt.Errorf("parsing the roots of time-stamping authority %s: %q holds no PEM certificate", t.Name,
			t.Roots)
	}
	return a, nil
}
