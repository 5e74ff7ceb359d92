package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
	"seihon/publish/s3store"
	"seihon/sectiona"
)

// syncStep is what `publisher sync` does, with one target.
func syncStep(ctx context.Context, s settings) (err error) {
	stop, err := startProfile(s.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	c, err := syncConfig(ctx, s)
	if err != nil {
		return err
	}
	result, err := publish.Sync(ctx, c)
	if err != nil {
		return err
	}
	t := result.Targets[0]
	if t.Err != nil || !t.Complete {
		return fmt.Errorf("not complete: %+v", t)
	}
	fmt.Println(t.Counts.Requests, t.Counts.Sent)
	return nil
}

// syncConfig is of one target, as the step's flags say.
func syncConfig(ctx context.Context, s settings) (publish.Config, error) {
	r, err := loadRoom(s)
	if err != nil {
		return publish.Config{}, err
	}
	v, err := ledger.NewVerifier(origin, r.VKeys...)
	if err != nil {
		return publish.Config{}, err
	}
	log, err := ledger.Open(ctx, s.path("master"), v)
	if err != nil {
		return publish.Config{}, err
	}
	store, err := s3store.Open(ctx, s3store.Config{Bucket: s.bucket, Endpoint: s.endpoint, PathStyle: true})
	if err != nil {
		return publish.Config{}, err
	}
	target := publish.TargetConfig{Name: "bench", Layout: publish.Layout(s.layout), Price: publish.PriceS3}
	now := func() time.Time { return s.now(r.Number).Add(time.Minute) }
	return publish.Config{
		Master:  log, // and the true clock: the publisher finds its concurrency by it
		Policy:  &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{r.ca}, nil), Now: now},
		Targets: []publish.Target{{TargetConfig: target, Store: store}},
	}, nil
}

func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}

// A measurement is what one process took.
type measurement struct {
	elapsed time.Duration
	rss     float64 // peak, MiB
	cpu     time.Duration
	out     string
}

// runStep runs a step of this program as a process of its own.
func runStep(ctx context.Context, s settings, step string, more ...string) (measurement, error) {
	self, err := os.Executable()
	if err != nil {
		return measurement{}, err
	}
	args := append([]string{"-step", step, "-dir", s.dir, "-responses", strconv.Itoa(s.responses), "-lists",
		strconv.Itoa(s.lists),
		"-latency", s.latency.String(), "-quick=" + strconv.FormatBool(s.quick)}, more...)
	return measure(exec.CommandContext(ctx, self, args...))
}

func measure(cmd *exec.Cmd) (measurement, error) {
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	m := measurement{elapsed: time.Since(begin), out: strings.TrimSpace(out.String())}
	if err != nil {
		tail := errs.String()
		return m, fmt.Errorf("running %q: %w: %s", cmd.Args[:min(8, len(cmd.Args))], err, tail[max(0, len(tail)-600):])
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.rss = float64(usage.Maxrss) / 1024
		m.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return m, nil
}
