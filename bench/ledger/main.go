// Command ledger measures the ledger beside two other ways to keep such a
// record: Tessera's POSIX writer and a hash chain in SQLite. It prints a table
// of each and, at the end, one line for each bar:
//
//	bar <name> <measured> <=|>= <wanted> ok|short
//
// Times are wall-clock seconds of the median run unless said otherwise; sizes
// are bytes that the files hold. Everything is written to a fresh directory
// under -dir, which is removed.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"seihon/bench/bar"
)

func main() {
	n := flag.Int("n", 1_000_000, "artifacts in the batch, entries in the log")
	dir := flag.String("dir", "", "where to write (default: the system's temporary directory)")
	days := flag.Int("days", 365, "days of the simulated year")
	only := flag.String("only", "", "comma-separated parts to run: batch, log, year, tessera, sqlite (default: all)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *n, *days, *only); err != nil {
		log.Fatal(err)
	}
}

// A bench is one run.
type bench struct {
	dir  string
	n    int
	days int
	bars []bar.Bar
}

func run(ctx context.Context, dir string, n, days int, only string) error {
	tmp, err := os.MkdirTemp(dir, "bench-ledger-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b := &bench{dir: tmp, n: n, days: days}
	fmt.Printf("%s, %d CPUs, %s\n", runtime.Version(), runtime.GOMAXPROCS(0), cpu())
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{{"batch", b.batch}, {"log", b.log}, {"year", b.year}, {"tessera", b.tessera}, {"sqlite", b.sqlite}} {
		if only != "" && !slices.Contains(strings.Split(only, ","), part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		runtime.GC()
	}
	return bar.Print(os.Stdout, b.bars)
}

// bar records one bar.
func (b *bench) bar(name string, measured float64, rel string, wanted float64) {
	b.bars = append(b.bars, bar.Bar{Name: name, Measured: measured, Relation: rel, Wanted: wanted})
}

func (b *bench) row(what string, value any, note string) {
	fmt.Printf("  %-52s %14v  %s\n", what, value, note)
}

// median runs f k times and gives the median time.
func median(k int, f func() error) (time.Duration, error) {
	var ts []time.Duration
	for range k {
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		ts = append(ts, time.Since(start))
	}
	slices.Sort(ts)
	return ts[len(ts)/2], nil
}

// cpuTime is what the process has used of the processors: on a busy machine
// it says more than the clock on the wall.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// usage sums the bytes and the files below the given paths.
func usage(paths ...string) (bytes int64, files int) {
	for _, p := range paths {
		filepath.WalkDir(p, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if i, err := d.Info(); err == nil {
					bytes += i.Size()
					files++
				}
			}
			return nil
		})
	}
	return bytes, files
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 100*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for _, l := range strings.Split(string(b), "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}
