//go:build unix

package publish_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
	"seihon/publish/dirstore"
	"seihon/sectiona"
)

// An errand is what a child process of the kill tests is to do: one sync that
// ends by SIGKILL before or after its nth request.
type errand struct {
	Master, CA, Target, State string
	VKeys                     []string
	Layout                    publish.Layout
	KillAt                    int64
	After                     bool
	Now                       time.Time
}

const errandVariable = "SEIHON_TEST_ERRAND"

func TestMain(m *testing.M) {
	if e := os.Getenv(errandVariable); e != "" {
		if err := runErrand(e); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() { // thousands of small masters need no disk
		if err := os.Setenv("TMPDIR", "/dev/shm"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func runErrand(encoded string) error {
	var e errand
	if err := json.Unmarshal([]byte(encoded), &e); err != nil {
		return err
	}
	ctx := context.Background()
	v, err := ledger.NewVerifier(origin, e.VKeys...)
	if err != nil {
		return err
	}
	log, err := ledger.Open(ctx, e.Master, v)
	if err != nil {
		return err
	}
	der, err := os.ReadFile(e.CA)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	store, err := openTarget(ctx, e.Target)
	if err != nil {
		return err
	}
	now := func() time.Time { return e.Now }
	r, err := publish.Sync(ctx, publish.Config{
		Master: log, Now: now, StateDir: e.State, Limits: publish.Limits{MinWorkers: 4, MaxWorkers: 4},
		Policy:  &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca}, nil), Now: now},
		Targets: []publish.Target{target("t", e.Layout, &suicidal{Store: store, errand: e})},
	})
	if err == nil {
		err = r.Err()
	}
	if err == nil && !r.Targets[0].Complete {
		err = fmt.Errorf("not complete: %+v", r.Targets[0])
	}
	return err
}

// openTarget opens a directory; the integration tests add a bucket.
var openTarget = func(_ context.Context, name string) (publish.Store, error) { return dirstore.Open(name, nil) }

// A suicidal store kills its own process with the signal that nobody can catch.
type suicidal struct {
	publish.Store
	errand errand
	n      atomic.Int64
}

func (s *suicidal) Tag(b []byte) string {
	if t, ok := s.Store.(publish.Tagger); ok {
		return t.Tag(b)
	}
	return ""
}

func (s *suicidal) die() func() {
	mine := s.n.Add(1) == s.errand.KillAt
	kill := func() {
		if mine && s.errand.After {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if mine && !s.errand.After {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return kill
}

func (s *suicidal) Put(ctx context.Context, o publish.Object, c publish.Condition) (publish.Receipt, error) {
	defer s.die()()
	return s.Store.Put(ctx, o, c)
}

func (s *suicidal) Get(ctx context.Context, name string) (*publish.Reader, error) {
	defer s.die()()
	return s.Store.Get(ctx, name)
}

// killRounds kills a sync again and again and looks after each round whether
// the target is what its checkpoint says and whether a rerun completes it.
func killRounds(t *testing.T, rounds int, layout publish.Layout, name string, load func() *memStore) {
	w, responses := newWorld(t), map[int64][]byte{}
	ca := filepath.Join(t.TempDir(), "ca.der")
	if err := os.WriteFile(ca, w.ca.Raw, 0o644); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	random := rand.New(rand.NewPCG(1, uint64(rounds)))
	w.signingRun(responses, 5, 6, 7)
	killed, number := 0, int64(0)
	for round := range rounds {
		log := w.log()
		if round%3 == 2 {
			w.revoked[6] = true
			log = w.signingRun(responses, 5, 6)
		}
		e := errand{
			Master: w.dir, CA: ca, Target: name, State: state, VKeys: log.Keys(), Layout: layout, Now: w.now,
			KillAt: 1 + random.Int64N(14), After: random.IntN(2) == 0,
		}
		err := run(t, e)
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			killed++
		} else if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		m := load()
		if n := crlNumber(t, m); n < number {
			t.Errorf("round %d: the CRL went back from %d to %d", round, number, n)
		} else {
			number = n
		}
		if string(m.get(publish.CheckpointName)) == string(log.Checkpoint()) {
			if err := w.verify(m, log, layout); err != nil {
				t.Errorf("round %d: the checkpoint promises too much: %v", round, err)
			}
		}
		if round%5 == 4 {
			if err := run(t,
				errand{Master: w.dir, CA: ca, Target: name, State: state, VKeys: log.Keys(), Layout: layout,
					Now: w.now}); err != nil {
				t.Fatalf("round %d, rerun: %v", round, err)
			}
			if err := w.verify(load(), log, layout); err != nil {
				t.Fatalf("round %d, after the rerun: %v", round, err)
			}
		}
	}
	if killed < rounds/3 {
		t.Errorf("only %d of %d rounds ended by SIGKILL: the test shows too little", killed, rounds)
	}
}

func run(t *testing.T, e errand) error {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), errandVariable+"="+string(b))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// loadDir reads a directory target into a memStore.
func loadDir(t *testing.T, dir string) *memStore {
	t.Helper()
	m := newMemStore()
	root := os.DirFS(dir)
	s := must(dirstore.Open(dir, nil))(t)
	defer s.Close()
	for l, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		f := must(root.Open(l.Name))(t)
		b := make([]byte, l.Size)
		f.Read(b)
		f.Close()
		m.set(l.Name, b)
	}
	return m
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	killRounds(t, 15, publish.Bundle, dir, func() *memStore { return loadDir(t, dir) })
}
