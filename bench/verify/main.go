// Command verify measures `verify.Check`, the core of `publisher verify`, beside rclone check on the same 50,200 public
// files, and against the bare cost of the signature verifications on a million OCSP responses in bundles. rclone
// compares two folders and knows nothing of signatures; Check compares the folder with the master and verifies every
// signature as well.
//
// Every contender is a process of its own, so that time and peak memory are its own. rclone is built into .tools/bin
// when it is not there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"seihon/bench/bar"
)

const rcloneVersion = "v1.76.0"

type settings struct {
	responses, lists, bundled, rounds int
	days                              int
	key, part                         string
	step, dir, tier, profile          string
	before                            string
}

func main() {
	var s settings
	flag.IntVar(&s.responses, "responses", 50_000, "OCSP responses that are files of their own")
	flag.IntVar(&s.lists, "lists", 200, "CRLs of 1 MiB")
	flag.IntVar(&s.bundled, "bundled", 1_000_000, "OCSP responses in bundles; 0: leave this part out")
	flag.StringVar(&s.key, "key", "",
		"key that signs the bundled responses: p256 or rsa2048; default: p256 for more than 100,000, which RSA would "+
			"take an hour to sign")
	flag.IntVar(&s.days, "days", 365, "daily lists of 100,000 entries; 0: leave this part out")
	flag.StringVar(&s.part, "part", "all", "all, files, bundles or memory")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds; the fastest counts for every contender")
	flag.StringVar(&s.step, "step", "", "run one step (used by the program itself)")
	flag.StringVar(&s.dir, "dir", "", "folder of the run; with -step only")
	flag.StringVar(&s.tier, "tier", "", "with -step check only")
	flag.StringVar(&s.profile, "cpuprofile", "", "with -step check: write a CPU profile")
	flag.StringVar(&s.before, "before", "",
		"this program as it was built from an older commit, to be compared with on the same files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/verify:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	switch s.step {
	case "":
		return parent(ctx, s)
	case "fixture":
		return makeFixture(ctx, s)
	case "check":
		return checkStep(ctx, s)
	case "history":
		return makeHistory(ctx, s)
	case "check-history":
		return checkHistory(ctx, s)
	case "bare", "bare-prepared":
		return bareStep(ctx, s)
	}
	return fmt.Errorf("no step %q", s.step)
}

// parent starts the contenders one after the other and holds nothing itself.
func parent(ctx context.Context, s settings) (err error) {
	dir, err := os.MkdirTemp(tmpfs(), "bench-verify-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var bars []bar.Bar
	if s.part == "all" || s.part == "files" {
		files := s
		files.dir, files.bundled, files.key = filepath.Join(dir, "files"), 0, "rsa2048"
		b, err := filesPart(ctx, files)
		if err != nil {
			return err
		}
		bars = append(bars, b...)
		if err := os.RemoveAll(files.dir); err != nil {
			return err
		}
	}
	if (s.part == "all" || s.part == "memory") && s.days > 1 {
		year := s
		year.dir, year.key = filepath.Join(dir, "memory"), "p256"
		b, err := memoryPart(ctx, year)
		if err != nil {
			return err
		}
		bars = append(bars, b...)
	}
	if (s.part == "all" || s.part == "bundles") && s.bundled > 0 {
		bundles := s
		bundles.dir, bundles.responses, bundles.lists = filepath.Join(dir, "bundles"), 0, 1
		b, err := bundlesPart(ctx, bundles)
		if err != nil {
			return err
		}
		bars = append(bars, b...)
	}
	return bar.Print(os.Stdout, bars)
}

func filesPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	rclone, err := bar.Install(ctx, "rclone", "github.com/rclone/rclone", rcloneVersion)
	if err != nil {
		return nil, err
	}
	fmt.Printf("making %d responses and %d CRLs as files\n", s.responses, s.lists)
	if s.before != "" { // the older one can read what it makes itself, and the newer one can read both
		_, err = measure(step(ctx, s.before, s, "fixture", ""))
	} else {
		_, err = child(ctx, s, "fixture", "")
	}
	if err != nil {
		return nil, err
	}
	tree, public := filepath.Join(s.dir, "tree"), filepath.Join(s.dir, "public")
	against := func(args ...string) func() (outcome, error) {
		return func() (outcome, error) {
			return measure(exec.CommandContext(ctx, rclone,
				append([]string{"check", "--one-way", "--checkers", "16", "--config", os.DevNull, tree, public},
					args...)...))
		}
	}
	ours := func(tier string) func() (outcome, error) {
		return func() (outcome, error) { return child(ctx, s, "check", tier) }
	}
	all := []contender{
		{"verify, full tier", ours("full")}, {"rclone check --download", against("--download")},
		{"verify, list tier", ours("list")}, {"rclone check", against()},
		{"rclone check --size-only", against("--size-only")},
	}
	if s.before != "" {
		older := func(tier string) func() (outcome, error) {
			return func() (outcome, error) { return measure(step(ctx, s.before, s, "check", tier)) }
		}
		all = append(all, contender{"verify before, full tier", older("full")},
			contender{"verify before, list tier", older("list")})
	}
	results, err := rounds(s.rounds, all)
	if err != nil {
		return nil, err
	}
	bars := []bar.Bar{
		bar.AtLeast("verify-full-speed-vs-rclone-download", results[1].elapsed.Seconds()/results[0].elapsed.Seconds(),
			1.8),
		bar.AtLeast("verify-list-speed-vs-rclone-check", results[3].elapsed.Seconds()/results[2].elapsed.Seconds(), 3),
	}
	if s.before != "" {
		bars = append(bars,
			bar.AtLeast("verify-full-speed-vs-before", results[5].elapsed.Seconds()/results[0].elapsed.Seconds(), 0.9),
			bar.AtLeast("verify-list-speed-vs-before", results[6].elapsed.Seconds()/results[2].elapsed.Seconds(), 0.9))
	}
	return bars, nil
}

func bundlesPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	if s.key == "" {
		s.key = "rsa2048"
		if s.bundled > 100_000 {
			s.key = "p256"
		}
	}
	fmt.Printf("making %d responses in bundles, signed by a %s key\n", s.bundled, s.key)
	if _, err := child(ctx, s, "fixture", ""); err != nil {
		return nil, err
	}
	results, err := rounds(min(s.rounds, 2), []contender{
		{"verify, full tier, bundles", func() (outcome, error) { return child(ctx, s, "check", "full") }},
		{"bare signature verifications", func() (outcome, error) { return child(ctx, s, "bare", "") }},
		{"the same, keys prepared", func() (outcome, error) { return child(ctx, s, "bare-prepared", "") }},
	})
	if err != nil {
		return nil, err
	}
	fmt.Printf("speed against the same verifications with keys prepared: %.2f\n",
		results[2].elapsed.Seconds()/results[0].elapsed.Seconds())
	return []bar.Bar{
		bar.AtLeast("verify-bundles-vs-bare-signatures", results[1].elapsed.Seconds()/results[0].elapsed.Seconds(),
			0.85),
		bar.AtMost("verify-bundles-peak-MiB", float64(results[0].peak)/(1<<20), 256),
	}, nil
}

// A contender is something to measure.
type contender struct {
	name string
	run  func() (outcome, error)
}

// An outcome is what one process took.
type outcome struct {
	elapsed time.Duration
	cpu     time.Duration
	peak    int64
}

// rounds measures the contenders interleaved and keeps the fastest run of each.
func rounds(n int, all []contender) ([]outcome, error) {
	best := make([]outcome, len(all))
	for range n {
		for i, c := range all {
			o, err := c.run()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if best[i].elapsed == 0 || o.elapsed < best[i].elapsed {
				best[i] = o
			}
		}
	}
	for i, c := range all {
		fmt.Printf("%-34s %8.2f s  %8.2f s cpu  %6d MiB\n", c.name, best[i].elapsed.Seconds(), best[i].cpu.Seconds(),
			best[i].peak>>20)
	}
	return best, nil
}

// child runs a step of this program.
func child(ctx context.Context, s settings, name, tier string) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	return measure(step(ctx, self, s, name, tier))
}

// step is a step of this program, or of an older one.
func step(ctx context.Context, program string, s settings, name, tier string) *exec.Cmd {
	return exec.CommandContext(ctx, program, "-step", name, "-dir", s.dir, "-tier", tier, "-responses",
		fmt.Sprint(s.responses),
		"-lists", fmt.Sprint(s.lists), "-bundled", fmt.Sprint(s.bundled), "-key", s.key, "-days", fmt.Sprint(s.days))
}

func measure(cmd *exec.Cmd) (outcome, error) {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	o := outcome{elapsed: time.Since(start)}
	if err != nil {
		return o, fmt.Errorf("%w: %s", err, lastLines(string(out), 5))
	}
	o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.peak = u.Maxrss << 10
	}
	return o, nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// tmpfs is where the files are, so that no disk is measured.
func tmpfs() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
