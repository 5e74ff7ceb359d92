package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"seihon/bench/bar"
)

// nullPart measures the publisher against a server that only waits.
func nullPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	stop, endpoint, err := startNull(ctx, s)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := credentials(endpoint); err != nil {
		return nil, err
	}
	m, err := runStep(ctx, s, "sync", "-endpoint", endpoint, "-bucket", "null", "-layout", "objects")
	if err != nil {
		return nil, err
	}
	sent, err := strconv.Atoi(strings.Fields(m.out)[1])
	if err != nil {
		return nil, err
	}
	rate := float64(sent) / m.elapsed.Seconds()
	fmt.Printf("\nserver that waits %v: %d objects in %.2f s = %.0f objects/s; CPU %.1f s, peak %.0f MiB (the server "+
		"shares the machine)\n",
		s.latency, sent, m.elapsed.Seconds(), rate, m.cpu.Seconds(), m.rss)
	return []bar.Bar{bar.AtLeast("publish-objects-per-second-at-20ms", rate, 5000)}, nil
}

func startNull(ctx context.Context, s settings) (stop func(), endpoint string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, self, "-step", "null", "-latency", s.latency.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	endpoint, err = bufio.NewReader(out).ReadString('\n')
	return func() { cmd.Process.Kill(); cmd.Wait() }, strings.TrimSpace(endpoint), err
}

// peersPart lets the contenders take turns on one server.
func peersPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bench{s: s}
	if err := b.installPeers(ctx); err != nil {
		return nil, err
	}
	if err := b.startServer(ctx); err != nil {
		return nil, err
	}
	if err := credentials(b.endpoint); err != nil {
		return nil, err
	}
	list := b.contenders(ctx)
	for _, c := range list {
		if err := os.Mkdir(filepath.Join(b.data, c.name), 0o755); err != nil {
			return nil, err
		}
	}
	b.versions(ctx)

	first, err := b.step("first upload", list, s.rounds, func(c *contender) func() *exec.Cmd {
		if c.first == nil {
			return nil
		}
		return func() *exec.Cmd { b.empty(c); return c.first() }
	})
	if err != nil {
		return nil, err
	}
	if err := b.prefill(ctx, list); err != nil {
		return nil, err
	}
	nothing, err := b.step("nothing changed", list, s.rounds, func(c *contender) func() *exec.Cmd { return c.again })
	if err != nil {
		return nil, err
	}
	if _, err := runStep(ctx, s, "change", "-seed", "0"); err != nil {
		return nil, err
	}
	some, err := b.step("1 % changed", list, 1, func(c *contender) func() *exec.Cmd { return c.again })
	if err != nil {
		return nil, err
	}
	if _, err := runStep(ctx, s, "change", "-seed", "1"); err != nil {
		return nil, err
	}
	hidden, err := b.step("1 % changed, same size, old date", list, 1,
		func(c *contender) func() *exec.Cmd { return c.again })
	if err != nil {
		return nil, err
	}
	return append(speedBars(first, nothing, some), hiddenBars(hidden)...), nil
}

// empty makes the bucket of a contender new: the posix backend keeps it as a folder.
// What cannot be removed makes the upload fail or be quick, and shows in the counts.
func (b *bench) empty(c *contender) {
	bucket := filepath.Join(b.data, c.name)
	_ = os.RemoveAll(bucket)
	_ = os.Mkdir(bucket, 0o755)
}

// prefill fills the buckets of those whose first upload is not measured, with
// one of the measured tools, so that they have something to compare.
func (b *bench) prefill(ctx context.Context, list []*contender) error {
	var errs []error
	for _, c := range list {
		if c.first == nil {
			_, err := measure(exec.CommandContext(ctx, b.tool.rclone, "copy", b.s.path("tree"), "bench:"+c.name,
				"--transfers", "32", "--checkers", "32",
				"--fast-list", "--s3-no-head", "--s3-no-check-bucket"))
			errs = append(errs, err)
		}
	}
	// Tools that compare dates want the copies to be newer than the files.
	time.Sleep(1100 * time.Millisecond)
	return errors.Join(errs...)
}

// versions says what is compared.
func (b *bench) versions(ctx context.Context) {
	for _, args := range [][]string{{b.tool.versitygw, "--version"}, {b.tool.rclone, "version"},
		{b.tool.s5cmd, "version"}, {"aws", "--version"}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			fmt.Println(filepath.Base(args[0])+":", line)
		}
	}
}

// step measures one step for all contenders, in turns.
func (b *bench) step(title string, list []*contender, rounds int,
	which func(*contender) func() *exec.Cmd) ([]*row, error) {
	var rows []*row
	for range rounds {
		i := 0
		for _, c := range list {
			command := which(c)
			if command == nil {
				continue
			}
			if len(rows) == i {
				rows = append(rows, &row{name: c.name, ours: c.ours})
			}
			before := b.serverCPU()
			m, err := measure(command())
			if err != nil {
				return nil, err
			}
			rows[i].add(m)
			rows[i].server = (b.serverCPU() - before).Seconds()
			i++
		}
	}
	fmt.Printf("\n%-36s %9s %9s %9s %9s %9s %9s\n", title, "seconds", "CPU s", "server", "peak MiB", "wrong",
		"requests")
	i := 0
	for _, c := range list {
		if which(c) == nil {
			continue
		}
		bad, err := b.wrong(c)
		if err != nil {
			return nil, err
		}
		r := rows[i]
		r.wrong = bad
		fmt.Printf("%-36s %9.2f %9.2f %9.2f %9.0f %9d %9s\n", r.name, r.median(), r.cpu, r.server, r.rss, r.wrong,
			r.requests)
		i++
	}
	return rows, nil
}

func find(rows []*row, name string) *row {
	for _, r := range rows {
		if r.name == name {
			return r
		}
	}
	return &row{name: name, missing: true}
}

// fastest is the time of the fastest peer that did what it was asked, NaN without one. rclone by
// size alone is never one: it is right here only when nothing changed.
func fastest(rows []*row) float64 {
	best := math.NaN()
	for _, r := range rows {
		if !r.ours && r.wrong == 0 && r.name != "rclone-size" && !(best <= r.median()) {
			best = r.median()
		}
	}
	return best
}

// leanest is the memory of the leanest peer, NaN without one.
func leanest(rows []*row) float64 {
	best := math.NaN()
	for _, r := range rows {
		if !r.ours && !(best <= r.rss) {
			best = r.rss
		}
	}
	return best
}

// of is a figure of a row, and NaN for a contender that did not take part: a bar on it is short.
func (r *row) of(v float64) float64 {
	if r.missing {
		return math.NaN()
	}
	return v
}

func speedBars(first, nothing, some []*row) []bar.Bar {
	requests, err := strconv.ParseFloat(find(nothing, "objects").requests, 64)
	if err != nil {
		requests = math.NaN()
	}
	rss := func(rows []*row, name string) float64 { r := find(rows, name); return r.of(r.rss) }
	return []bar.Bar{
		bar.AtLeast("publish-first-objects-vs-peer", fastest(first)/find(first, "objects").median(), 1.8),
		bar.AtLeast("publish-first-bundle-vs-peer", fastest(first)/find(first, "bundle").median(), 12),
		bar.AtLeast("publish-nothing-vs-peer", fastest(nothing)/find(nothing, "objects").median(), 15),
		bar.AtMost("publish-nothing-requests", requests, 2),
		bar.AtLeast("publish-some-vs-peer", fastest(some)/find(some, "objects").median(), 6),
		bar.AtMost("publish-first-rss-vs-leanest", max(rss(first, "objects"), rss(first, "bundle"))/leanest(first), 1),
		bar.AtMost("publish-again-rss-vs-leanest",
			max(rss(nothing, "objects"), rss(some, "objects"))/min(leanest(nothing), leanest(some)), 1),
	}
}

// hiddenBars are about changes that size and date do not show.
func hiddenBars(rows []*row) []bar.Bar {
	missed := func(name string) float64 { r := find(rows, name); return r.of(float64(r.wrong)) }
	return []bar.Bar{
		bar.AtMost("publish-hidden-change-missed", missed("objects")+missed("bundle"), 0),
		bar.AtLeast("publish-hidden-change-missed-by-rclone-size-only", missed("rclone-size"), 1),
	}
}
