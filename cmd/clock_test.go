//go:build integration

package cmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/verify/report"
)

// simulatedClock is what the main packages call instead of time.Now: the time in a file, and what has really gone by
// since the file was written. All processes of a test share that clock, and those that run for long see it jump.
const simulatedClock = `
func simulatedClock() time.Time {
	file := os.Getenv("SIMULATED_CLOCK")
	raw, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	set, err := time.Parse(time.RFC3339, string(raw))
	if err != nil {
		panic(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		panic(err)
	}
	return set.Add(time.Since(info.ModTime()))
}
`

// clockBinaries makes both binaries once with a simulated clock. They are those that are shipped but for one line of
// main.go: the compiler is given another text for that file, so no program that is shipped has a clock that can be set.
var clockBinaries = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(golden), "clock")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, name := range []string{"publisher", "signer"} {
		file, err := filepath.Abs(filepath.Join(name, "main.go"))
		if err != nil {
			return "", err
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		text := strings.Replace(string(raw), "app(time.Now)", "app(simulatedClock)", 1) + simulatedClock
		replace[file] = filepath.Join(dir, name+".go")
		if err := os.WriteFile(replace[file], []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644); err != nil {
		return "", err
	}
	for name, cgo := range map[string]string{"publisher": "0", "signer": "1"} {
		cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o",
			filepath.Join(dir, name), "./"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

// A clocked runs the binaries in folders of its own, on a clock that the test turns.
type clocked struct {
	*testing.T
	dir  string // all folders are below it
	bin  string
	time time.Time
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	bin, err := clockBinaries()
	must(t, err)
	// What is written is synced to the disk thousands of times, which is no part of what these tests look at.
	dir, err := os.MkdirTemp("/dev/shm", "clocked-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &clocked{T: t, dir: dir, bin: bin}
}

// set turns the clock. It gets its time in one step, since a responder may look at it at that moment.
func (c *clocked) set(to time.Time) {
	c.Helper()
	c.time = to
	file := filepath.Join(c.dir, "clock")
	must(c, os.WriteFile(file+".new", []byte(to.UTC().Format(time.RFC3339)), 0o644))
	must(c, os.Rename(file+".new", file))
}

func (c *clocked) command(folder, name string, args ...string) *exec.Cmd {
	if strings.HasPrefix(name, "signer") || strings.HasPrefix(name, "publisher") {
		name = filepath.Join(c.bin, name)
	}
	cmd := exec.CommandContext(c.Context(), name, args...)
	cmd.Dir = filepath.Join(c.dir, folder)
	cmd.Env = append(os.Environ(), "SIMULATED_CLOCK="+filepath.Join(c.dir, "clock"))
	return cmd
}

// exits runs a command in a folder, wants that exit code, and returns what it printed.
func (c *clocked) exits(code int, folder, name string, args ...string) string {
	c.Helper()
	if name == "signer" || name == "publisher" {
		args = append(args, "--quiet")
	}
	cmd := c.command(folder, name, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		c.Fatalf("%s: %v", name, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		c.Fatalf("%s: %s: %s %s: exit code %d, want %d\n%s", c.time.Format(time.RFC3339), folder, name,
			strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

func (c *clocked) run(folder, name string, args ...string) string {
	c.Helper()
	return c.exits(0, folder, name, args...)
}

// says runs a command, and wants its exit code and each of the texts.
func (c *clocked) says(code int, texts []string, folder, name string, args ...string) {
	c.Helper()
	out := c.exits(code, folder, name, args...)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			c.Errorf("%s: %s: %s %s does not say %q:\n%s", c.time.Format(time.RFC3339), folder, name,
				strings.Join(args, " "), text, out)
		}
	}
}

// clean wants the auditor to find nothing at all, but for two notes: an address on the web cannot be listed, and the
// private part of the master stays in the room. It returns the report.
func (c *clocked) clean(folder string, args ...string) *report.Report {
	c.Helper()
	checked := c.verify(folder, args...)
	for _, f := range checked.Findings {
		if f.Code != "copy-unlisted" && f.Code != "log-private-absent" {
			c.Errorf("%s: %s: verify: %s %s %s: %s", c.time.Format(time.RFC3339), folder, f.Severity, f.Code, f.Name,
				f.Detail)
		}
	}
	if !checked.OK {
		c.FailNow()
	}
	return checked
}

// verify is `publisher verify`, whatever it finds.
func (c *clocked) verify(folder string, args ...string) *report.Report {
	c.Helper()
	cmd := c.command(folder, "publisher", append([]string{"verify", "--quiet", "--json"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var checked report.Report
	if json.Unmarshal(out, &checked) != nil || (err == nil) != checked.OK {
		c.Fatalf("%s: %s: verify %s: %v\n%s%s", c.time.Format(time.RFC3339), folder, strings.Join(args, " "), err, out,
			&stderr)
	}
	return &checked
}

// serve lets a responder answer at an address, from its own configuration, until the function that it returns is
// called.
func (c *clocked) serve(folder, address string) func() {
	c.Helper()
	var out bytes.Buffer
	cmd := c.command(folder, "publisher", "serve", "--quiet", "--listen", address)
	cmd.Stdout, cmd.Stderr = &out, &out
	must(c, cmd.Start())
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	c.Cleanup(stop)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + address + "/log/checkpoint")
		if err == nil {
			_ = resp.Body.Close()
		}
		if err == nil && resp.StatusCode == http.StatusOK {
			return stop
		}
		if time.Now().After(deadline) {
			stop()
			c.Fatalf("the responder at %s does not answer: %v\n%s", address, err, &out)
		}
	}
}

// edit replaces text in a file, and wants it to be there.
func (c *clocked) edit(file string, pairs ...string) {
	c.Helper()
	file = filepath.Join(c.dir, file)
	raw, err := os.ReadFile(file)
	must(c, err)
	text := string(raw)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			c.Fatalf("%s has no %q:\n%s", file, pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	must(c, os.WriteFile(file, []byte(text), 0o600))
}
