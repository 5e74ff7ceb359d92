package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"
	yaml "go.yaml.in/yaml/v3"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/verify"
)

// holdAgainstPins compares what the configuration pins with the auditor's file. With --first a file that is not there
// yet is written from the configuration, for the auditor to compare with what was handed over on paper.
func (h *host) holdAgainstPins(c *cli.Context, conf *verify.Config) error {
	file := c.String("pins")
	if file == "" {
		return nil
	}
	now, err := h.pinsNow(c, conf)
	if err != nil {
		return err
	}
	if !exists(file) {
		if !c.Bool("first") {
			return cliexit.UsageError("the pins file %q is not there; correct its name, or give --first to write it "+
				"from this configuration", file)
		}
		body, err := yaml.Marshal(now)
		if err != nil {
			return fmt.Errorf("writing the pins file: %w", err)
		}
		if err := durable.WriteFile(file, body, 0o644); err != nil {
			return err
		}
	}
	raw, err := regular.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the pins file: %w", err)
	}
	conf.Pins, conf.PinsNow, conf.PinsDigest = &verify.Pins{}, now, artifact.Sum(raw)
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(conf.Pins); err != nil {
		return cliexit.UsageError("the pins file %q cannot be read: %v", file, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return cliexit.UsageError("the pins file %q holds more than one YAML document, and only the first would count",
			file)
	}
	if conf.Pins.Schema != verify.PinsSchema {
		return cliexit.UsageError("the pins file %q has schema %q, must be %q", file, conf.Pins.Schema,
			verify.PinsSchema)
	}
	return nil
}

// pinsNow is what the configuration pins and the command line looks at.
func (h *host) pinsNow(c *cli.Context, conf *verify.Config) (*verify.Pins, error) {
	trust := conf.Policy.Trust
	p := &verify.Pins{
		Schema: verify.PinsSchema, Origin: h.conf.Master.Origin, Keys: conf.Verifier.Keys(),
		Anchors:  fingerprints(trust.Anchors()),
		Partners: fingerprints(trust.Partners()), Quorum: conf.Quorum,
	}
	if exists(string(h.conf.Publication.VKey)) {
		v, err := h.publicationVerifier()
		if err != nil {
			return nil, err
		}
		p.Publication = v.Keys()
	}
	for _, k := range conf.OverrideKeys {
		p.Overrides = append(p.Overrides, hex.EncodeToString(k))
	}
	p.Addresses = c.StringSlice("source")
	if !c.IsSet("source") {
		for _, s := range h.conf.Verify.Sources {
			p.Addresses = append(p.Addresses, string(s))
		}
	}
	for _, t := range h.conf.Targets {
		p.Targets = append(p.Targets, t.Name)
	}
	p.Names = conf.AliasPins()
	for _, t := range conf.Timestamps {
		p.Timestamps = append(p.Timestamps, fingerprints(t.Anchors)...)
	}
	for _, v := range conf.Vantages {
		p.Vantages = append(p.Vantages, fmt.Sprint(v))
	}
	for _, w := range conf.Witnesses {
		p.Witnesses = append(p.Witnesses, fmt.Sprintf("%s+%08x", w.Name(), w.KeyHash()))
	}
	for _, all := range []*[]string{&p.Keys, &p.Anchors, &p.Partners, &p.Overrides, &p.Addresses, &p.Targets, &p.Names,
		&p.Timestamps, &p.Witnesses, &p.Vantages} {
		*all = slices.Compact(slices.Sorted(slices.Values(*all)))
	}
	return p, nil
}

func fingerprints(certs []*x509.Certificate) (all []string) {
	for _, c := range certs {
		all = append(all, artifact.Sum(c.Raw).String())
	}
	return all
}
