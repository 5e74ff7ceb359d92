// Package postgrestest runs a private PostgreSQL for a test: a cluster of its
// own in a temporary folder, on a socket in that folder and on no port.
package postgrestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running cluster.
type Server struct {
	dir     string
	control []string // pg_ctl, with the user and the folder
	options []string // of a start
	schema  atomic.Int64
}

// debianBin is where Debian keeps what is not on the PATH.
const debianBin = "/usr/lib/postgresql/*/bin/"

// tool finds a program of PostgreSQL, newest version first.
func tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob(debianBin + name) // the pattern is a constant
	if len(found) == 0 {
		t.Fatalf("%s not found: run make tools", name)
	}
	return slices.Max(found)
}

// Start starts a cluster and stops it when the test ends. PostgreSQL refuses
// to run as root, so root runs it as the user that the package made.
func Start(t testing.TB) *Server {
	t.Helper()
	// Not t.TempDir: the path of a socket is limited to 107 octets, and the
	// other user must be able to enter.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var as []string
	if os.Getuid() == 0 {
		runuser, err := exec.LookPath("runuser")
		if err != nil {
			t.Fatal("runuser not found: run make tools")
		}
		as = []string{runuser, "-u", "postgres", "--"}
		run(t, "chown", "postgres", dir)
	}
	s := &Server{dir: dir}
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "log")
	run(t, append(slices.Clone(as), tool(t, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C", "-N")...)
	// fsync is off: the tests kill clients, never the server.
	options := fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories='%s' -c fsync=off -c max_connections=200",
		dir)
	s.control = append(slices.Clone(as), tool(t, "pg_ctl"), "-D", data)
	s.options = []string{"-l", log, "-o", options, "-w", "-t", "30"}
	s.ctl(t, append(s.options, "start")...)
	t.Cleanup(func() { s.ctl(t, "-m", "immediate", "-w", "stop") })
	return s
}

// Restart stops the server, cutting all connections, and starts it again.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.ctl(t, "-m", "fast", "-w", "stop")
	s.ctl(t, append(s.options, "start")...)
}

func (s *Server) ctl(t testing.TB, args ...string) {
	t.Helper()
	run(t, append(slices.Clone(s.control), args...)...)
}

// run runs a program; its output must not be a pipe, which a server that
// outlives pg_ctl would keep open.
func run(t testing.TB, command ...string) {
	t.Helper()
	out, err := os.CreateTemp("", "pg-out")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = os.TempDir(), out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name()) // best effort, the failure is reported anyway
		t.Fatalf("running %v: %v\n%s", command, err, text)
	}
}

// DSN returns an empty database: a schema of its own in the cluster.
func (s *Server) DSN(t testing.TB) string {
	t.Helper()
	schema := "test" + strconv.FormatInt(s.schema.Add(1), 10)
	conn, err := pgx.Connect(context.Background(), s.dsn(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	return s.dsn(url.Values{"search_path": {schema}})
}

func (s *Server) dsn(extra url.Values) string {
	if extra == nil {
		extra = url.Values{}
	}
	extra.Set("host", s.dir)
	return "postgres://postgres@/postgres?" + extra.Encode()
}
