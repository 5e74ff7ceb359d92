package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/mod/sumdb/note"

	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/ledger"
	"seihon/verify"
	"seihon/verify/probe"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// vantageFlags are for a place that has no publication log of its own.
func vantageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "vantage",
			Usage: "ask as the outside vantage of this `NAME`, without a publication log, and sign the samples"},
		&cli.StringFlag{Name: "key", Usage: "the vantage's own note key, a PEM `FILE` of mode 0600"},
		&cli.StringFlag{Name: "out", Usage: "write the signed samples to `FILE`, or to a new file in this folder"},
		&cli.BoolFlag{Name: "new-key",
			Usage: "make the key of --key, and beside it the verifier key, FILE.vkey, for the auditor to pin; ask " +
				"nothing"},
		proxyFlag,
	}
}

// outside takes samples as a vantage that is no publishing host. It signs them with its own key,
// which an auditor pins, so that the samples need not pass through anybody's log.
func (h *host) outside(c *cli.Context) error {
	name, key, out := c.String("vantage"), c.String("key"), c.String("out")
	switch {
	case name == "" || key == "":
		return cliexit.UsageError("an outside vantage needs --vantage NAME and --key FILE")
	case c.Bool("new-key") && out != "":
		return cliexit.UsageError("--new-key asks nothing, so there is nothing to write to --out")
	case c.Bool("new-key"):
		return newVantage(c, name, key)
	case out == "":
		return cliexit.UsageError("an outside vantage needs --out FILE, or a folder, for what it signs")
	}
	signer, err := readNoteKey(key, name)
	if err != nil {
		return err
	}
	if out, err = h.newSamples(out, name); err != nil {
		return err
	}
	proxy, err := proxyOf(c)
	if err != nil {
		return err
	}
	probes, err := h.samples(c.Context, probe.Config{Vantage: name, Outside: true, Proxy: proxy}, nil)
	if err != nil {
		return err
	}
	signed, err := uptime.SignSamples(probes, h.now(), signer)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(out, signed, 0o644); err != nil {
		return err
	}
	return printProbes(c, probes)
}

// newSamples is the file to write. What was signed once is never written over.
func (h *host) newSamples(out, vantage string) (string, error) {
	if info, err := os.Stat(out); err == nil && info.IsDir() {
		out = filepath.Join(out, strings.Map(plain, vantage)+h.now().UTC().Format("-20060102T150405Z")+".note")
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return "", cliexit.UsageError("--out %q is there already; name a new file, or a folder", out)
	}
	return out, nil
}

// plain keeps letters, digits and dots of a name for a file's name.
func plain(r rune) rune {
	if r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '-'
}

func newVantage(c *cli.Context, name, key string) error {
	vkey := key + ".vkey"
	for _, file := range []string{key, vkey} {
		if exists(file) {
			return cliexit.UsageError("%q is there already: no key is ever written over", file)
		}
	}
	if err := newNoteKey(key, vkey, name); err != nil {
		return err
	}
	raw, err := regular.ReadFile(vkey)
	if err != nil {
		return fmt.Errorf("reading the new verifier key: %w", err)
	}
	fmt.Fprintf(c.App.Writer, "%s", raw)
	return nil
}

// vantages are the pinned keys of outside vantages.
func vantages(files []config.Path) (all []note.Verifier, err error) {
	for _, file := range files {
		raw, err := regular.ReadFile(string(file))
		if err != nil {
			return nil, fmt.Errorf("reading the key of an outside vantage: %w", err)
		}
		v, err := ledger.ParseKey(strings.TrimSpace(string(raw)))
		if err != nil {
			return nil, fmt.Errorf("reading the key of an outside vantage in %q: %w", file, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// samplesFlag names what outside vantages have signed.
func samplesFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "samples",
		Usage: "samples that outside vantages signed: a `FILE`, or a folder of them; may be repeated; their keys are " +
			"verify.vantages"}
}

// samplePlaces are the files and folders of --samples. One that is not there is a mistake.
func samplePlaces(c *cli.Context) ([]string, error) {
	places := c.StringSlice("samples")
	for _, place := range places {
		if !exists(place) {
			return nil, cliexit.UsageError("--samples %q is not there; correct its name", place)
		}
	}
	return places, nil
}

// takeSamples gives the check what outside vantages have signed.
func (h *host) takeSamples(c *cli.Context, conf *verify.Config) (err error) {
	if conf.Vantages, err = vantages(h.conf.Verify.Vantages); err != nil {
		return err
	}
	if conf.Samples, err = samplePlaces(c); err != nil {
		return err
	}
	if len(conf.Samples) > 0 && conf.Tier == report.TierLog {
		return cliexit.UsageError("--tier log looks at no samples; leave --samples out, or choose another tier")
	}
	return nil
}
