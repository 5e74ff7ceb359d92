// Command accept measures how long a room takes to take in what a CA that keeps its own software has signed: a list
// with a million entries whose certificates nobody knows here, the next list with ten entries more, a list whose
// certificates are known, and a folder with 100,000 OCSP responses.
//
// What is measured is the real signer with SoftHSM, a process of its own for each measurement, from its start to the
// signed checkpoint of the master log; its peak memory is that of the process. Beside it stands what others need to
// read the same bytes and check the same signatures, without keeping anything: the standard library, OpenSSL.
//
//	go run . [-entries 1000000] [-responses 100000] [-only list|known|ocsp] [-dir DIR]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"seihon/bench/bar"
)

type settings struct {
	entries, responses int
	only               string
	dir                string

	contender string // set in the children only
	profile   string
}

func main() {
	var s settings
	flag.IntVar(&s.entries, "entries", 1_000_000, "entries of the list")
	flag.IntVar(&s.responses, "responses", 100_000, "OCSP responses in the folder")
	flag.StringVar(&s.only, "only", "", "list, known or ocsp")
	flag.StringVar(&s.dir, "dir", "", "folder to work in (default: a temporary one)")
	flag.StringVar(&s.contender, "contender", "", "measure one contender (used by the program itself)")
	flag.StringVar(&s.profile, "cpuprofile", "",
		"write CPU profiles of the room to FILE-NAME; it runs in a child of this program then")
	flag.Parse()
	err := run(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/accept:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.contender != "" {
		return child(ctx, s, flag.Args())
	}
	dir, err := os.MkdirTemp(s.dir, "bench-accept-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.dir = dir
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "signer"), "seihon/cmd/signer")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the signer: %w\n%s", err, out)
	}
	var bars []bar.Bar
	for _, part := range []struct {
		name string
		run  func(context.Context, settings) ([]bar.Bar, error)
	}{{"list", listPart}, {"known", knownPart}, {"ocsp", ocspPart}} {
		if s.only != "" && s.only != part.name {
			continue
		}
		p := s
		p.dir = filepath.Join(dir, part.name)
		b, err := part.run(ctx, p)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
		bars = append(bars, b...)
	}
	return bar.Print(os.Stdout, bars)
}

// listPart hands over two lists: one of which nothing is known, and its successor.
func listPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	err := newCA(ctx, s, "responder: {validity: 90d, key: {algorithm: p256}}")
	if err != nil {
		return nil, err
	}
	const more = 10
	first, next := s.path("first.crl"), s.path("next.crl")
	if err := s.make(ctx, "list", first, 100, s.entries); err != nil {
		return nil, err
	}
	if err := s.make(ctx, "list", next, 101, s.entries+more); err != nil {
		return nil, err
	}
	header(fmt.Sprintf("a list of %d entries", s.entries))
	if err := listPeers(ctx, s, first); err != nil {
		return nil, err
	}
	a, err := s.signer(ctx, "the room: all of it new", "accept", "--file", first)
	if err != nil {
		return nil, err
	}
	b, err := s.signer(ctx, fmt.Sprintf("the room: the next one, %d entries more", more), "accept", "--file", next)
	if err != nil {
		return nil, err
	}
	return []bar.Bar{bar.AtMost("accept-list-seconds", a.seconds, 3), bar.AtMost("accept-list-mib", a.mib, 128),
		bar.AtMost("accept-next-list-seconds", b.seconds, 3), bar.AtMost("accept-next-list-mib", b.mib, 128)}, nil
}

// knownPart hands over a list about certificates that were imported before.
func knownPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	err := newCA(ctx, s, "responder: {validity: 90d, key: {algorithm: p256}}")
	if err != nil {
		return nil, err
	}
	list := s.path("list.crl")
	if err := s.make(ctx, "list", list, 100, s.entries); err != nil {
		return nil, err
	}
	header(fmt.Sprintf("a list of %d entries, whose certificates are known", s.entries))
	if err := s.certificates(ctx, s.entries); err != nil {
		return nil, err
	}
	a, err := s.signer(ctx, "the room: all of them revoked at once", "accept", "--file", list)
	if err != nil {
		return nil, err
	}
	return []bar.Bar{bar.AtMost("accept-known-list-seconds", a.seconds, 3),
		bar.AtMost("accept-known-list-mib", a.mib, 128)}, nil
}

// ocspPart hands over a folder with responses that the CA signed.
func ocspPart(ctx context.Context, s settings) ([]bar.Bar, error) {
	err := newCA(ctx, s, "signed_by: external")
	if err != nil {
		return nil, err
	}
	list := s.path("list.crl")
	if err := s.make(ctx, "list", list, 100, 1); err != nil {
		return nil, err
	}
	header(fmt.Sprintf("a folder with %d OCSP responses", s.responses))
	if err := s.certificates(ctx, s.responses); err != nil {
		return nil, err
	}
	if _, err := s.signer(ctx, "(the room: the list)", "accept", "--file", list); err != nil {
		return nil, err
	}
	if err := s.make(ctx, "answers", s.path("incoming"), 0, s.responses); err != nil {
		return nil, err
	}
	if err := answerPeers(ctx, s, s.path("incoming")); err != nil {
		return nil, err
	}
	a, err := s.signer(ctx, "the room: all of them", "accept", "--watch", s.path("incoming"), "--once")
	if err != nil {
		return nil, err
	}
	return []bar.Bar{bar.AtMost("accept-responses-seconds", a.seconds, 15),
		bar.AtMost("accept-responses-mib", a.mib, 512)}, nil
}

// figures are what one process took.
type figures struct{ seconds, mib float64 }

func header(what string) { fmt.Printf("\n%-58s %9s %9s %10s\n", what, "seconds", "CPU s", "peak MiB") }

// measure runs a process and prints what it took.
func measure(what string, cmd *exec.Cmd) (figures, error) {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w\n%.2000s", what, err, out)
	}
	f := figures{seconds: time.Since(start).Seconds()}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return f, fmt.Errorf("this system does not say how much memory a process had")
	}
	f.mib = float64(usage.Maxrss) / 1024
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("%-58s %9.2f %9.2f %10.0f\n", what, f.seconds, cpu.Seconds(), f.mib)
	return f, nil
}

// signer measures a command of the room; with -cpuprofile, in a child that is profiled.
func (s settings) signer(ctx context.Context, what string, args ...string) (figures, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(s.dir), "signer"),
		append(args, "--quiet", "--config", s.path("repository.yaml"))...)
	if s.profile != "" && args[0] == "accept" {
		self, err := os.Executable()
		if err != nil {
			return figures{}, err
		}
		name := strings.Map(func(r rune) rune {
			if r == ' ' || r == ':' || r == '/' {
				return '-'
			}
			return r
		}, what)
		cmd = exec.CommandContext(ctx, self,
			append([]string{"-contender", "room", "-cpuprofile", s.profile + "-" + name, "-dir", s.dir}, args...)...)
	}
	return measure(what, cmd)
}

func (s settings) path(name string) string { return filepath.Join(s.dir, name) }
