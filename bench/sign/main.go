// Command sign measures what the signing room signs, beside what others need for the same.
//
// OCSP: responses through the whole way, encoder, pool of sessions, self-check, bundle and ledger, beside the raw rate
// of C_Sign with the same key of the same token (SoftHSM) on the same number of sessions, and beside x/crypto's
// CreateResponse through the same pool, which is neither bundled nor recorded.
//
// CRL: a million revocations read from the inventory into a signed file, beside the standard library doing the same
// from the same inventory, and beside `openssl ca -gencrl` from the index.txt that the inventory was filled from; then
// five million.
//
// Issuing: a batch of certificates for requests with the whole way of the room, where the log commits to them before
// they are signed, beside the same steps without the commitment.
//
// Every measurement is a process of its own, so that its peak memory is its own, and the contenders take turns, round
// by round, so that a slow minute of the machine hits all of them. The figure of a round is a ratio within the round;
// the bar is held against the median.
//
//	go run . [-rounds 5] [-time 2s] [-sessions 8] [-only ocsp|crl|issue] [-batch 1000] [-entries 1000000] [-many 5000000]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"seihon/bench/bar"
)

type settings struct {
	module   string
	sessions int
	time     time.Duration
	rounds   int
	entries  int
	many     int
	batch    int
	only     string

	contender string // set in the children only
	dir       string
	profile   string
}

func main() {
	var s settings
	flag.StringVar(&s.module, "module", "/usr/lib/softhsm/libsofthsm2.so", "PKCS#11 module")
	flag.IntVar(&s.sessions, "sessions", 8, "sessions with the token")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds")
	flag.DurationVar(&s.time, "time", 2*time.Second, "length of one measurement of OCSP responses")
	flag.IntVar(&s.entries, "entries", 1_000_000, "entries of the CRL")
	flag.IntVar(&s.many, "many", 5_000_000, "entries of the CRL that shows flat memory; 0 leaves it out")
	flag.IntVar(&s.batch, "batch", 1000, "certificates that are issued in a batch")
	flag.StringVar(&s.only, "only", "", "ocsp, crl or issue")
	flag.StringVar(&s.contender, "contender", "", "measure one contender (used by the program itself)")
	flag.StringVar(&s.dir, "dir", "", "folder of the contender")
	flag.StringVar(&s.profile, "cpuprofile", "", "with -contender: write a CPU profile")
	flag.Parse()
	run := parent
	if s.contender != "" {
		run = child
	}
	if err := run(context.Background(), s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/sign:", err)
		os.Exit(1)
	}
}

// parent prepares the parts, lets the contenders take turns, and prints tables and then bars.
func parent(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "bench-sign-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var bars []bar.Bar
	for _, part := range []struct {
		name, what string
		run        func(context.Context, settings) ([]bar.Bar, error)
	}{{"ocsp", "OCSP responses", ocspPart}, {"issue", "issuing", issuePart}, {"crl", "CRLs", crlPart}} {
		if s.only != "" && s.only != part.name {
			continue
		}
		s.dir = filepath.Join(dir, part.name)
		if err := os.Mkdir(s.dir, 0o700); err != nil {
			return err
		}
		b, err := part.run(ctx, s)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", part.what, err)
		}
		bars = append(bars, b...)
	}
	return bar.Print(os.Stdout, bars)
}

// result is what one process took.
type result struct {
	elapsed time.Duration
	cpu     time.Duration
	rss     float64 // peak, MiB
	out     string
}

// measure runs one contender of this program.
func measure(ctx context.Context, s settings, contender string) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	return runCommand(exec.CommandContext(ctx, self, "-contender", contender, "-dir", s.dir, "-module", s.module,
		"-sessions", strconv.Itoa(s.sessions), "-time", s.time.String(), "-entries", strconv.Itoa(s.entries), "-batch",
		strconv.Itoa(s.batch)))
}

// runCommand runs a process and takes its time and peak memory.
func runCommand(cmd *exec.Cmd) (result, error) {
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	r := result{elapsed: time.Since(begin), out: strings.TrimSpace(out.String())}
	if err != nil {
		return r, fmt.Errorf("running %q: %w: %s", cmd.Args, err, strings.TrimSpace(errs.String()))
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.rss = float64(usage.Maxrss) / 1024
	}
	return r, nil
}

// child measures one contender.
func child(ctx context.Context, s settings) error {
	stop, err := startProfile(s.profile)
	if err != nil {
		return err
	}
	part, which, _ := strings.Cut(s.contender, "/")
	switch part {
	case "ocsp":
		err = ocspChild(ctx, s, which)
	case "crl":
		err = crlChild(ctx, s, which)
	case "issue":
		err = issueChild(ctx, s, which)
	default:
		err = fmt.Errorf("no contender %q", s.contender)
	}
	if stopErr := stop(); err == nil {
		err = stopErr
	}
	return err
}

// path returns the path of a file in the folder of the run.
func (s settings) path(name string) string { return filepath.Join(s.dir, name) }

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// ratio is the median of the rounds' ratios.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}
