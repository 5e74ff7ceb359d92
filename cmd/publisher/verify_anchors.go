package main

import (
	"crypto/x509"
	"fmt"

	"seihon/internal/config"
	"seihon/ledger/timestamp"
	"seihon/ledger/witness"
	"seihon/verify"
)

// pinOthers takes the time-stamping authorities and witnesses that are believed from the configuration: the auditor's
// own, or those that the signing room asks.
func (h *host) pinOthers(conf *verify.Config) error {
	witnesses := h.conf.Verify.Witnesses
	conf.Quorum = h.conf.Verify.Quorum
	if s := h.conf.Signer; s != nil && len(witnesses) == 0 {
		witnesses, conf.Quorum = s.Witnesses, s.Quorum
	}
	for _, t := range h.timestamps() {
		roots, err := readRoots(t)
		if err != nil {
			return err
		}
		conf.Timestamps = append(conf.Timestamps,
			timestamp.Authority{Name: t.Name, URL: t.URL, Anchors: roots, Policies: t.Policies})
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

// timestamps are the time-stamping authorities that are believed.
func (h *host) timestamps() []config.TSA {
	if s := h.conf.Signer; s != nil && len(h.conf.Verify.Timestamps) == 0 {
		return s.Timestamps
	}
	return h.conf.Verify.Timestamps
}

func readRoots(t config.TSA) (roots []*x509.Certificate, err error) {
	roots, _, err = readCertificates(string(t.Roots))
	if err != nil {
		return nil, fmt.Errorf("reading the roots of time-stamping authority %s: %w", t.Name, err)
	}
	return roots, nil
}
