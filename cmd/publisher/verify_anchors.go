package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/ledger/timestamp"
	"seihon/ledger/witness"
	"seihon/verify"
)

// pinOthers takes the time-stamping authorities and witnesses that are believed from the configuration: the auditor's own, or
// those that the signing room asks.
func (h *host) pinOthers(conf *verify.Config) error {
	stamps, witnesses := h.conf.Verify.Timestamps, h.conf.Verify.Witnesses
	conf.Quorum = h.conf.Verify.Quorum
	if s := h.conf.Signer; s != nil {
		if len(stamps) == 0 {
			stamps = s.Timestamps
		}
		if len(witnesses) == 0 {
			witnesses, conf.Quorum = s.Witnesses, s.Quorum
		}
	}
	for _, t := range stamps {
		roots, err := readRoots(t)
		if err != nil {
			return err
		}
		conf.Timestamps = append(conf.Timestamps, timestamp.Authority{Name: t.Name, URL: t.URL, Anchors: roots, Policies: t.Policies})
	}
	for _, w := range witnesses {
		key, err := witness.ParseKey(w.Key)
		if err != nil {
			return fmt.Errorf("reading verify.witnesses: %w", err)
		}
		conf.Witnesses = append(conf.Witnesses, key)
	}
	return nil
}

func readRoots(t config.TSA) (roots []*x509.Certificate, err error) {
	raw, err := regular.ReadFile(string(t.Roots))
	if err != nil {
		return nil, fmt.Errorf("reading the roots of time-stamping authority %s: %w", t.Name, err)
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(bytes.TrimSpace(rest)) {
		cert, err := artifact.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parsing the roots of time-stamping authority %s, %q: %w", t.Name, t.Roots, err)
		}
		roots = append(roots, cert)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("parsing the roots of time-stamping authority %s: %q holds no PEM certificate", t.Name, t.Roots)
	}
	return roots, nil
}
