// Command inventory measures the inventory: the import of an OpenSSL index of
// a million lines, and what it costs to ask what is due when one certificate
// in a hundred is. OpenSSL, reading the same index, stands beside it.
//
//	go run ./bench/inventory
//	go run ./bench/inventory -dsn postgres://…    an empty PostgreSQL instead of SQLite
//
// Each measurement runs in a process of its own, so that the memory reported
// is that of the step alone.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"seihon/artifact"
	"seihon/bench/bar"
	"seihon/inventory"
	"seihon/inventory/source"
)

const (
	lines  = 1_000_000
	shards = 256
	rounds = 5
)

// start is the inventory's clock: results must not depend on the day.
var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// measured is what a step in a child process reports.
type measured struct {
	Elapsed time.Duration
	RSS     int64 // peak, octets
	Result  string
}

// place is where a step finds its files and its inventory.
type place struct{ dir, dsn string }

func main() {
	step := flag.String("step", "", "run one step (used by the program itself)")
	dir := flag.String("dir", "", "folder of the step")
	dsn := flag.String("dsn", "", "inventory to use, an empty one; default: SQLite in a temporary folder")
	flag.Parse()
	err := run(context.Background(), *step, place{*dir, *dsn})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/inventory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, step string, p place) error {
	switch step {
	case "":
		return all(ctx, p.dsn)
	case "import", "again":
		return report(func() (string, error) { return importIndex(ctx, p) })
	case "due":
		return report(func() (string, error) { return due(ctx, p) })
	}
	return fmt.Errorf("unknown step %q", step)
}

// all runs every step and prints the bars.
func all(ctx context.Context, dsn string) error {
	dir, err := os.MkdirTemp("", "bench-inventory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "inventory.db")
	}
	p := place{dir, dsn}
	if err := writeIndex(filepath.Join(dir, "index.txt"), lines); err != nil {
		return err
	}
	first, err := child(ctx, "import", p)
	if err != nil {
		return err
	}
	// One more line: everything is compared, one certificate is added.
	if err := appendLine(filepath.Join(dir, "index.txt")); err != nil {
		return err
	}
	again, err := child(ctx, "again", p)
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %10s %10s\n", "reading 1,000,000 lines", "seconds", "peak MiB")
	row := func(name string, m measured) {
		fmt.Printf("%-34s %10.2f %10.0f  %s\n", name, m.Elapsed.Seconds(), float64(m.RSS)/(1<<20), m.Result)
	}
	row("import into an empty inventory", first)
	row("import of the next index", again)
	if peer, err := opensslStatus(ctx, dir); err != nil {
		fmt.Printf("%-34s %s\n", "openssl ca -status", err)
	} else {
		row("openssl ca -status (reads only)", peer)
	}
	d, err := child(ctx, "due", p)
	if err != nil {
		return err
	}
	var t dueTimes
	if err := json.Unmarshal([]byte(d.Result), &t); err != nil {
		return err
	}
	fmt.Printf("\n%-34s %10s %10s\n", "asking what is due", "ms", "rows")
	fmt.Printf("%-34s %10.1f %10d\n", "1 % of 1,000,000", ms(t.Part), t.PartRows)
	fmt.Printf("%-34s %10.1f %10d\n", "100 % of 1,000,000", ms(t.All), t.AllRows)
	fmt.Printf("%-34s %10.1f %10d\n\n", "nothing of 1,000,000", ms(t.None), t.NoneRows)
	share := float64(t.Part) / float64(t.All)
	rows := float64(t.PartRows) / float64(t.AllRows)
	return bar.Print(os.Stdout, []bar.Bar{
		bar.AtMost("inventory-import-seconds", first.Elapsed.Seconds(), 20),
		bar.AtMost("inventory-import-mib", float64(first.RSS)/(1<<20), 128),
		bar.AtMost("inventory-reimport-mib", float64(again.RSS)/(1<<20), 128),
		bar.AtMost("inventory-due-cost-per-share", share/rows, 2),
	})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// writeIndex writes an index as "openssl ca" keeps it, with random serials and
// one revocation in twenty. The same seed gives the same file.
func writeIndex(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		status, revoked := "V", ""
		if i%20 == 0 {
			status, revoked = "R", "261101060000Z,keyCompromise"
		}
		fmt.Fprintf(w, "%s\t2%d1124060000Z\t%s\t%016X%016X\tunknown\t/C=JP/O=Example Authority/CN=subscriber %07d\n",
			status, 7+i%3, revoked, r.Uint64()>>1|1<<62, r.Uint64(), i)
	}
	return errors.Join(w.Flush(), f.Close())
}

func appendLine(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "V\t271124060000Z\t\t7B\tunknown\t/CN=one more\n")
	return errors.Join(err, f.Close())
}

// open opens the inventory at the clock's time.
func open(ctx context.Context, p place) (*inventory.DB, error) {
	return inventory.Open(ctx, inventory.Config{DSN: p.dsn, Now: func() time.Time { return start }})
}

func importIndex(ctx context.Context, p place) (string, error) {
	db, err := open(ctx, p)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if err := db.AddIssuer(ctx,
		inventory.Issuer{Name: "sub", Key: artifact.Sum([]byte("key")), Shards: shards}); err != nil {
		return "", err
	}
	f, err := os.Open(filepath.Join(p.dir, "index.txt"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	res, err := db.Import(ctx,
		inventory.Import{Issuer: "sub", Source: source.OpenSSLIndex(f, source.Options{Name: "index.txt"})})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("added %d, unchanged %d", res.Added, res.Unchanged), nil
}

// dueTimes are the medians of some rounds.
type dueTimes struct {
	Part, All, None             time.Duration
	PartRows, AllRows, NoneRows int
}

// due marks everything as signed, one in a hundred with an earlier end, and
// measures in turns.
func due(ctx context.Context, p place) (string, error) {
	db, err := open(ctx, p)
	if err != nil {
		return "", err
	}
	defer db.Close()
	soon, late := start.Add(24*time.Hour), start.Add(96*time.Hour)
	n := 0
	for shard := range shards {
		var batch []inventory.Signed
		for s, err := range db.Due(ctx, "sub", shard, start) {
			if err != nil {
				return "", err
			}
			next := late
			if n++; n%100 == 0 {
				next = soon
			}
			batch = append(batch,
				inventory.Signed{Serial: s.Serial, Revision: s.Revision, ThisUpdate: start, NextUpdate: next})
		}
		if err := db.MarkSigned(ctx, "sub", batch); err != nil {
			return "", err
		}
	}
	var t dueTimes
	var part, whole, none []time.Duration
	ask := func(into *[]time.Duration, rows *int, cutoff time.Time) error {
		begin := time.Now()
		*rows = 0
		for _, err := range db.Due(ctx, "sub", inventory.AllShards, cutoff) {
			if err != nil {
				return err
			}
			*rows++
		}
		*into = append(*into, time.Since(begin))
		return nil
	}
	for range rounds {
		if err := errors.Join(ask(&part, &t.PartRows, soon), ask(&whole, &t.AllRows, late),
			ask(&none, &t.NoneRows, start)); err != nil {
			return "", err
		}
	}
	median := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	t.Part, t.All, t.None = median(part), median(whole), median(none)
	out, err := json.Marshal(t)
	return string(out), err
}

// report runs a step and prints what it measured, for the parent.
func report(step func() (string, error)) error {
	begin := time.Now()
	result, err := step()
	if err != nil {
		return err
	}
	m := measured{Elapsed: time.Since(begin), Result: result}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return err
			}
			m.RSS = kib << 10
		}
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

// child runs a step in a process of its own.
func child(ctx context.Context, step string, p place) (measured, error) {
	var m measured
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	cmd := exec.CommandContext(ctx, self, "-step", step, "-dir", p.dir, "-dsn", p.dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("step %s: %w", step, err)
	}
	return m, json.Unmarshal(out, &m)
}

// opensslStatus lets OpenSSL read the index and look one serial up.
func opensslStatus(ctx context.Context, dir string) (measured, error) {
	config := filepath.Join(dir, "openssl.cnf")
	text := "[ca]\ndefault_ca = d\n[d]\ndatabase = " + filepath.Join(dir, "index.txt") + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return measured{}, err
	}
	cmd := exec.CommandContext(ctx, "openssl", "ca", "-config", config, "-status", "7B")
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	m := measured{Elapsed: time.Since(begin)}
	if cmd.ProcessState == nil {
		return m, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.RSS = usage.Maxrss << 10
	}
	if !strings.Contains(string(out), "Valid") {
		return m, fmt.Errorf("answered %q", out)
	}
	return m, nil
}
