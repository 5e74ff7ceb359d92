package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"seihon/bench/bar"
)

// Versions of the peers, and how they are built.
const (
	rcloneVersion = "v1.76.0"
	s5cmdVersion  = "v2.3.0"
)

// A contender brings a bucket up to date with the tree (the peers) or with the
// master (ours).
type contender struct {
	name  string
	ours  bool
	first func() *exec.Cmd // nil: not measured
	again func() *exec.Cmd // nothing or little changed
}

// A bench is a server with the contenders' buckets.
type bench struct {
	s        settings
	endpoint string
	data     string
	tool     struct{ rclone, s5cmd, versitygw string } // paths
	server   int                                       // process id
}

// serverCPU is the processor time that the server has used so far.
func (b *bench) serverCPU() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.server))
	if err != nil {
		return 0 // not Linux: the column stays empty
	}
	// The fields after the name in parentheses; user and system time in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// installPeers builds what is missing, and lets only .tools/bin be found under the names of the peers.
func (b *bench) installPeers(ctx context.Context) (err error) {
	b.tool.rclone, err = bar.Install(ctx, "rclone", "github.com/rclone/rclone", rcloneVersion)
	if err != nil {
		return err
	}
	b.tool.s5cmd, err = bar.Install(ctx, "s5cmd", "github.com/peak/s5cmd/v2", s5cmdVersion)
	if err != nil {
		return err
	}
	b.tool.versitygw, err = bar.Tool("versitygw")
	return err
}

// startServer runs versitygw on tmpfs until ctx ends, with its defaults: it
// closes each connection after one request, for all contenders alike.
func (b *bench) startServer(ctx context.Context) error {
	b.data = b.s.path("data")
	iam := b.s.path("iam")
	if err := errors.Join(os.Mkdir(b.data, 0o755), os.Mkdir(iam, 0o755)); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(ctx, b.tool.versitygw, "--quiet", "--access", "admin", "--secret", "adminadmin",
		"--port", addr, "--iam-dir", iam, "posix", b.data)
	if err := cmd.Start(); err != nil {
		return err
	}
	b.server = cmd.Process.Pid
	go cmd.Wait()
	b.endpoint = "http://" + addr
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("versitygw does not listen on %s", addr)
}

func credentials(endpoint string) error {
	var errs []error
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "adminadmin", "AWS_REGION": "us-east-1",
		"AWS_DEFAULT_REGION":        "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"RCLONE_CONFIG": os.DevNull, "RCLONE_CONFIG_BENCH_TYPE": "s3", "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
		"RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
		"RCLONE_CONFIG_BENCH_ENDPOINT": endpoint, "RCLONE_CONFIG_BENCH_REGION": "us-east-1",
		"RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE": "true",
	} {
		errs = append(errs, os.Setenv(k, v))
	}
	return errors.Join(errs...)
}

// contenders lists who takes part. rclone's variants share a bucket's first
// upload: they differ only in how they find out what changed.
func (b *bench) contenders(ctx context.Context) []*contender {
	tree := b.s.path("tree")
	rclone := func(bucket string, how ...string) func() *exec.Cmd {
		args := append([]string{"copy", tree, "bench:" + bucket, "--transfers", "32", "--checkers", "32", "--fast-list",
			"--s3-no-head", "--s3-no-check-bucket"}, how...)
		return func() *exec.Cmd { return exec.CommandContext(ctx, b.tool.rclone, args...) }
	}
	s5 := func() *exec.Cmd {
		return exec.CommandContext(ctx, b.tool.s5cmd, "--endpoint-url", b.endpoint, "--numworkers", "32", "--log",
			"error", "sync", tree+"/", "s3://s5cmd/")
	}
	ours := func(layout string) func() *exec.Cmd {
		return func() *exec.Cmd {
			self, _ := os.Executable()
			return exec.CommandContext(ctx, self, "-step", "sync", "-dir", b.s.dir, "-endpoint", b.endpoint, "-bucket",
				layout, "-layout", layout)
		}
	}
	list := []*contender{
		{name: "rclone-checksum", first: rclone("rclone-checksum"), again: rclone("rclone-checksum", "--checksum")},
		{name: "rclone-update", again: rclone("rclone-update", "--update", "--use-server-modtime")},
		{name: "rclone-size", again: rclone("rclone-size", "--size-only")},
		{name: "s5cmd", first: s5, again: s5},
		{name: "objects", ours: true, first: ours("objects"), again: ours("objects")},
		{name: "bundle", ours: true, first: ours("bundle"), again: ours("bundle")},
	}
	if _, err := exec.LookPath("aws"); err == nil {
		list = append(list, &contender{name: "aws", again: func() *exec.Cmd {
			return exec.CommandContext(ctx, "aws", "--endpoint-url", b.endpoint, "s3", "sync", tree, "s3://aws",
				"--only-show-errors")
		}})
	}
	return list
}

// wrong counts the files of the tree that a bucket lacks or holds otherwise.
// The posix backend keeps an object as a file, so no request is needed. The
// bundle layout is compared by the CRLs, which both have; its bundles were
// compared with their digests by the publisher and the server.
func (b *bench) wrong(c *contender) (int, error) {
	tree, bad := b.s.path("tree"), 0
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(tree, path)
		if c.name == "bundle" && strings.HasPrefix(name, "ocsp") {
			return nil
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(b.data, c.name, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.Equal(got, want) {
			bad++
		}
		return nil
	})
	return bad, err
}

// A row is one contender in one step.
type row struct {
	name     string
	ours     bool
	missing  bool // did not take part
	seconds  []float64
	rss, cpu float64
	server   float64
	wrong    int
	requests string
}

func (r *row) add(m measurement) {
	r.seconds = append(r.seconds, m.elapsed.Seconds())
	r.rss = max(r.rss, m.rss)
	r.cpu = m.cpu.Seconds()
	if fields := strings.Fields(m.out); r.ours && len(fields) == 2 {
		r.requests = fields[0]
	}
}

// median is NaN for a contender that did not take part.
func (r *row) median() float64 {
	if len(r.seconds) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(r.seconds))[len(r.seconds)/2]
}
