// Command publish measures the publisher against the tools an operator would
// otherwise use, rclone and s5cmd (and the AWS CLI where it is installed), on a
// real S3 server (versitygw on tmpfs) in the same run: the first upload,
// nothing changed, one in a hundred changed, and changes that size and date do
// not show. Every contender is a process of its own, and after each step its
// bucket is compared byte by byte with what it should hold: a tool that is fast
// and wrong is out. Against a server that only waits, it measures how fast the
// publisher alone can be.
//
// rclone and s5cmd are built into .tools/bin when they are not there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"seihon/bench/bar"
)

type settings struct {
	responses int
	lists     int
	rounds    int
	cost      string
	only      string
	quick     bool // keys that sign fast, and no files for the peers

	// set in the children only
	step     string
	dir      string
	endpoint string
	bucket   string
	layout   string
	seed     int
	profile  string
	latency  time.Duration
}

func main() {
	var s settings
	flag.IntVar(&s.responses, "responses", 50_000, "OCSP responses of 0.5 to 2 KB")
	flag.IntVar(&s.lists, "lists", 200, "CRLs of 1 MiB")
	flag.IntVar(&s.rounds, "rounds", 3, "rounds of the short steps")
	flag.StringVar(&s.cost,
		"cost", "", "measure the table of cost instead, at these numbers of artifacts: 10000,100000,1000000")
	flag.StringVar(&s.only, "only", "", "null: only the server that waits; peers: only the others")
	flag.BoolVar(&s.quick, "quick", false, "ECDSA keys and no files for the peers; with -step only")
	flag.StringVar(&s.step, "step", "", "run one step (used by the program itself)")
	flag.StringVar(&s.dir, "dir", "", "folder of the run; with -step only")
	flag.StringVar(&s.endpoint, "endpoint", "", "S3 endpoint; with -step only")
	flag.StringVar(&s.bucket, "bucket", "", "bucket; with -step only")
	flag.StringVar(&s.layout, "layout", "", "objects or bundle; with -step only")
	flag.IntVar(&s.seed, "seed", 0, "which change; with -step only")
	flag.StringVar(&s.profile, "cpuprofile", "", "with -step: write a CPU profile")
	flag.DurationVar(&s.latency, "latency", 20*time.Millisecond, "of the server that waits")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/publish:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	switch s.step {
	case "":
		return parent(ctx, s)
	case "fixture":
		return makeFixture(ctx, s)
	case "change":
		return makeChange(ctx, s)
	case "sync":
		return syncStep(ctx, s)
	case "plan":
		return planStep(ctx, s)
	case "null":
		return serveNull(ctx, s)
	}
	return fmt.Errorf("no step %q", s.step)
}

// parent holds nothing itself: what a process once held counts as the peak
// memory of the processes that it starts later.
func parent(ctx context.Context, s settings) (err error) {
	s.dir, err = os.MkdirTemp(tmpfs(), "bench-publish-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if s.cost != "" {
		return costTable(ctx, s)
	}
	fmt.Printf("making %d responses and %d CRLs\n", s.responses, s.lists)
	if _, err := runStep(ctx, s, "fixture"); err != nil {
		return err
	}
	var bars []bar.Bar
	if s.only != "peers" {
		b, err := nullPart(ctx, s)
		if err != nil {
			return err
		}
		bars = append(bars, b...)
	}
	if s.only != "null" {
		b, err := peersPart(ctx, s)
		if err != nil {
			return err
		}
		bars = append(bars, b...)
	}
	return bar.Print(os.Stdout, bars)
}

// tmpfs is where the server keeps its files, so that no disk is measured.
func tmpfs() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func (s settings) path(name string) string { return filepath.Join(s.dir, name) }
