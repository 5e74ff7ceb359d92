package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/verify"
	"seihon/verify/report"
)

// about says who verifies, for whom and with what, for the report's first page.
func (h *host) about(c *cli.Context) (report.About, error) {
	tool, err := sumOf(os.Executable())
	if err != nil {
		return report.About{}, fmt.Errorf("hashing the running program: %w", err)
	}
	file := c.String("config")
	conf, err := sumOf(file, nil)
	if err != nil {
		return report.About{}, fmt.Errorf("hashing the configuration: %w", err)
	}
	return report.About{
		Auditor: c.String("auditor"), Body: c.String("body"), Now: c.IsSet("now"),
		Tool:          &report.Tool{Name: c.App.Name, Version: c.App.Version, Go: runtime.Version(), SHA256: tool},
		Configuration: &report.Cited{Name: filepath.Base(file), SHA256: conf},
	}, nil
}

func sumOf(file string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	f, err := regular.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// givenNow is the time to judge by: the clock's, or one that was given, for repeating a check.
func (h *host) givenNow(c *cli.Context) error {
	if !c.IsSet("now") {
		return nil
	}
	t, err := time.Parse(time.RFC3339, c.String("now"))
	if err != nil {
		return cliexit.UsageError("--now is %q, must look like 2026-11-21T07:00:00Z", c.String("now"))
	}
	h.now = func() time.Time { return t }
	return nil
}

// An annexFiles is the files of the annex while they are written: two of the objects, then two of the observations.
type annexFiles struct {
	files []*os.File
}

// annexOf opens the files beside the page that the itemised list goes to: report.html has report.annex.csv and
// report.annex.jsonl, and of the observations report.annex.uptime.csv and report.annex.uptime.jsonl. They appear under
// their names when they are whole.
func annexOf(page string) (*verify.Annex, *annexFiles, error) {
	base := strings.TrimSuffix(page, filepath.Ext(page)) + ".annex"
	a := &annexFiles{}
	annex := &verify.Annex{}
	for _, o := range []struct {
		ext string
		out *report.Output
	}{{".csv", &annex.CSV}, {".jsonl", &annex.Lines}, {".uptime.csv", &annex.UptimeCSV},
		{".uptime.jsonl", &annex.UptimeLines}} {
		f, err := os.OpenFile(base+o.ext+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			a.drop()
			return nil, nil, fmt.Errorf("writing the annex: %w", err)
		}
		a.files = append(a.files, f)
		o.out.Name, o.out.File = filepath.Base(base+o.ext), f
	}
	return annex, a, nil
}

// keep gives the files their names. Where there is no record of operation, there is no file of it.
func (a *annexFiles) keep(r *report.Report) error {
	if a == nil {
		return nil
	}
	for i, f := range a.files {
		if i >= 2 && r.Annex.Uptime == nil {
			if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
				return fmt.Errorf("writing the annex: %w", err)
			}
			continue
		}
		err := errors.Join(f.Sync(), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), strings.TrimSuffix(f.Name(), ".part"))
		}
		if err == nil {
			err = durable.OS{}.SyncDir(filepath.Dir(f.Name()))
		}
		if err != nil {
			return fmt.Errorf("writing the annex: %w", err)
		}
	}
	return nil
}

// drop removes what was begun.
func (a *annexFiles) drop() {
	if a == nil {
		return
	}
	for _, f := range a.files {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
}
