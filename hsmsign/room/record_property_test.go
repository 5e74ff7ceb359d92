package room_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/memory"
	"seihon/ledger"
	"seihon/ocspcache"
	"seihon/override"

	_ "modernc.org/sqlite"
)

// The model of what is true: the status of each certificate as it was last
// signed, and what lawfully happened since.
type truth map[string]override.Status

// recordWorld is a repository with a past: copies of its inventory and master
// of several days, and the truth of the last one.
type recordWorld struct {
	room    *testRoom
	serials [][]byte
	days    []string // folders with the state of a day
	truth   truth
	known   []byte // the auditor's checkpoint of the last day
}

func newRecordWorld(t testing.TB, dir string) *recordWorld {
	w := &recordWorld{room: newTestRoom(t, filepath.Join(dir, "room")), truth: truth{}}
	w.serials = w.room.issue(t, 8)
	for _, s := range w.serials {
		w.truth[string(s)] = override.Status{State: override.Good}
	}
	must(t, w.room.run(t))
	for day, revoke := range [][]struct{ who, reason int }{{{0, 1}, {1, 6}}, {{2, 4}}, {{1, 5}, {3, 6}}} {
		w.keep(t, dir, day)
		w.room.now = w.room.now.Add(24 * time.Hour)
		for _, x := range revoke {
			must(t, w.room.revoke(t, w.serials[x.who], x.reason))
			w.truth[string(w.serials[x.who])] = memory.Revoked(w.room.now, x.reason, time.Time{})
		}
		must(t, w.room.run(t))
	}
	w.keep(t, dir, 3)
	b, err := os.ReadFile(filepath.Join(w.room.dir, "master/log/checkpoint"))
	must(t, err)
	w.known = b
	return w
}

// keep copies the room as it is on a day.
func (w *recordWorld) keep(t testing.TB, dir string, day int) {
	to := filepath.Join(dir, fmt.Sprint("day", day))
	must(t, os.CopyFS(to, os.DirFS(w.room.dir)))
	w.days = append(w.days, to)
}

// A mutation is something that happens to a room between two runs. It reports
// whether the master was put back, which only somebody outside can notice when
// the inventory went back with it.
type mutation struct {
	name string
	do   func(t testing.TB, w *recordWorld, tr *testRoom, rng *rand.Rand, true truth) (masterBack bool)
}

func exec(t testing.TB, tr *testRoom, query string, args ...any) {
	db, err := sql.Open("sqlite", filepath.Join(tr.dir, "inventory.db"))
	must(t, err)
	defer db.Close()
	_, err = db.Exec(query, args...)
	if err != nil && !strings.Contains(err.Error(), "no such table") { // an emptied file
		t.Fatalf("%s: %v", query, err)
	}
}

func restore(t testing.TB, from, to string, names ...string) {
	for _, name := range names {
		must(t, os.RemoveAll(filepath.Join(to, name)))
		src := filepath.Join(from, name)
		st, err := os.Stat(src)
		must(t, err)
		if st.IsDir() {
			must(t, os.CopyFS(filepath.Join(to, name), os.DirFS(src)))
			continue
		}
		b, err := os.ReadFile(src)
		must(t, err, os.WriteFile(filepath.Join(to, name), b, 0o600))
	}
}

// edits are SQL statements on one row; ?1 is the serial, ?2 a random number.
var edits = []string{
	`UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1 WHERE serial = ?1`,
	`UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1, revision = revision + 1, recorded = 0 WHERE serial = ?1`,
	`UPDATE certificates SET state = 0 WHERE serial = ?1`,
	`UPDATE certificates SET state = 2, revoked_at = 1790000000, reason = 1, due_at = -1 WHERE serial = ?1 AND state = 1`,
	`UPDATE certificates SET state = 2, revoked_at = 1790000000, reason = 1, due_at = -1, revision = revision + 1, recorded = 0 WHERE serial = ?1 AND state = 1`,
	`UPDATE certificates SET state = 2, revoked_at = ?2, reason = 1 WHERE serial = ?1 AND state = 2`,
	`UPDATE certificates SET revoked_at = revoked_at + ?2 % 100000 - 50000 WHERE serial = ?1`,
	`UPDATE certificates SET reason = abs(?2) % 6 WHERE serial = ?1 AND state = 2`,
	`UPDATE certificates SET invalidity = 1700000000 + abs(?2) % 1000 WHERE serial = ?1 AND state = 2`,
	`UPDATE certificates SET not_after = 1500000000 WHERE serial = ?1 AND state = 2`,
	`UPDATE certificates SET due_at = 4611686018427387904 WHERE serial = ?1 AND state = 2`,
	`DELETE FROM certificates WHERE serial = ?1`,
	`DELETE FROM bodies WHERE serial = ?1`,
	`DELETE FROM events WHERE serial = ?1`,
	`DELETE FROM artifacts WHERE length(?1) > 0 AND id % 3 = abs(?2) % 3`,
	`UPDATE counters SET value = x'00' WHERE length(?1) > 0 AND abs(?2) >= 0`,
	`DELETE FROM masters WHERE length(?1) > 0 AND abs(?2) >= 0`,
	`UPDATE masters SET size = abs(?2) % 40 WHERE length(?1) > 0`,
	`DELETE FROM issuers WHERE length(?1) > 0 AND abs(?2) % 4 = 0`,
}

var mutations = []mutation{
	{"nothing", func(testing.TB, *recordWorld, *testRoom, *rand.Rand, truth) bool { return false }},
	{"a revocation", func(t testing.TB, w *recordWorld, tr *testRoom, rng *rand.Rand, true truth) bool {
		s := w.serials[4+rng.IntN(4)]
		if tr.revoke(t, s, 1) == nil && true[string(s)].State == override.Good {
			true[string(s)] = memory.Revoked(tr.now, 1, time.Time{})
		}
		return false
	}},
	{"restored inventory", func(t testing.TB, w *recordWorld, tr *testRoom, rng *rand.Rand, _ truth) bool {
		must(t, os.RemoveAll(filepath.Join(tr.dir, "inventory.db-wal")),
			os.RemoveAll(filepath.Join(tr.dir, "inventory.db-shm")))
		restore(t, w.days[rng.IntN(len(w.days))], tr.dir, "inventory.db")
		return false
	}},
	{"restored master", func(t testing.TB, w *recordWorld, tr *testRoom, rng *rand.Rand, _ truth) bool {
		restore(t, w.days[rng.IntN(len(w.days)-1)], tr.dir, "master")
		return true
	}},
	{"edited row", func(t testing.TB, w *recordWorld, tr *testRoom, rng *rand.Rand, _ truth) bool {
		exec(t, tr, edits[rng.IntN(len(edits))], w.serials[rng.IntN(len(w.serials))], rng.Int64())
		return false
	}},
	{"lost inventory", func(t testing.TB, _ *recordWorld, tr *testRoom, _ *rand.Rand, _ truth) bool {
		must(t, os.RemoveAll(filepath.Join(tr.dir, "inventory.db")),
			os.RemoveAll(filepath.Join(tr.dir, "inventory.db-wal")))
		return false
	}},
	{"emptied inventory", func(t testing.TB, _ *recordWorld, tr *testRoom, _ *rand.Rand, _ truth) bool {
		must(t, os.RemoveAll(filepath.Join(tr.dir, "inventory.db-wal")),
			os.WriteFile(filepath.Join(tr.dir, "inventory.db"), nil, 0o600))
		return false
	}},
	{"lost private master", func(t testing.TB, _ *recordWorld, tr *testRoom, _ *rand.Rand, _ truth) bool {
		must(t, os.RemoveAll(filepath.Join(tr.dir, "master/private")))
		return false
	}},
	{"damaged file of the master", func(t testing.TB, _ *recordWorld, tr *testRoom, rng *rand.Rand, _ truth) bool {
		var files []string
		must(t, filepath.WalkDir(filepath.Join(tr.dir, "master"), func(p string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.Contains(p, "lock") && !strings.Contains(p, "index.db") {
				files = append(files, p)
			}
			return err
		}))
		p := files[rng.IntN(len(files))]
		b, err := os.ReadFile(p)
		must(t, err)
		if len(b) > 0 {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		must(t, os.WriteFile(p, b, 0o600))
		return false
	}},
}

// play does one seed: some mutations, then a day later a run. Whatever it signs must be true.
func (w *recordWorld) play(t testing.TB, tmp string, seed uint64) (outcome string, err error) {
	rng := rand.New(rand.NewPCG(seed, 14))
	dir := filepath.Join(tmp, fmt.Sprint("seed", seed))
	must(t, os.CopyFS(dir, os.DirFS(w.room.dir)))
	tr := &testRoom{dir: dir, now: w.room.now.Add(24 * time.Hour), keys: w.room.keys}
	true := truth{}
	for k, v := range w.truth {
		true[k] = v
	}
	var names []string
	masterBack := false
	for range 1 + rng.IntN(3) {
		m := mutations[rng.IntN(len(mutations))]
		names = append(names, m.name)
		masterBack = m.do(t, w, tr, rng, true) || masterBack
	}
	defer os.RemoveAll(dir)
	runErr := tr.run(t)
	log, err := ledger.Open(context.Background(), filepath.Join(dir, "master"), w.verifier(t))
	if err != nil {
		return "refused", nil // damaged, and whoever opens it is told
	}
	if err := log.Consistent(context.Background(), w.known); err != nil {
		if masterBack {
			return "rolled back, the auditor sees it", nil
		}
		return "", fmt.Errorf("%v: the log is not the continuation of the auditor's: %w (run: %v)", names, err, runErr)
	}
	if err := true.holds(log); err != nil {
		return "", fmt.Errorf("%v: %w (run: %v)", names, err, runErr)
	}
	if runErr != nil {
		return "refused", nil
	}
	return "signed", nil
}

func (w *recordWorld) verifier(t testing.TB) *ledger.Verifier {
	vkey, err := ledger.VKey("room.example/master", w.room.keys["log"].Public())
	must(t, err)
	v, err := ledger.NewVerifier("room.example/master", vkey)
	must(t, err)
	return v
}

// holds holds the newest list and generation of a log against the truth. A
// log that was not continued still says what was true yesterday, so a certificate
// that was only just revoked may be missing; nothing that was said may be.
func (true truth) holds(log *ledger.Log) error {
	ctx := context.Background()
	state, err := log.Replay(ctx, log.Size())
	if err != nil {
		return nil // damaged: whoever reads it is told
	}
	line, _ := state.Get("crl/ca.crl")
	der, err := log.ReadBlob(ctx, line)
	if err != nil {
		return nil
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return err
	}
	listed := map[string]override.Status{}
	for e, err := range list.Entries() {
		if err != nil {
			return err
		}
		listed[string(e.Serial)] = memory.Revoked(e.Time, e.Reason, e.InvalidityDate)
	}
	for serial, want := range true {
		got, on := listed[serial]
		switch {
		case on && got.String() != want.String():
			return fmt.Errorf("the list of %s says %q of %x, the truth is %q", list.ThisUpdate, got, serial, want)
		case !on && want.State == override.Revoked && !list.ThisUpdate.Before(want.Time.Add(time.Hour)):
			return fmt.Errorf("the list of %s does not have %x, the truth is %q", list.ThisUpdate, serial, want)
		}
	}
	return true.answered(log, state, list.ThisUpdate)
}

func (true truth) answered(log *ledger.Log, state *ledger.State, at time.Time) error {
	ctx := context.Background()
	line, _ := state.Get("ocsp/ca.generation")
	body, err := log.ReadBlob(ctx, line)
	if err != nil {
		return nil
	}
	g, _, err := ocspcache.ParseGeneration(body)
	if err != nil {
		return err
	}
	said := map[string]override.Status{}
	for _, u := range g.Bundles {
		line := ledger.Line{Kind: artifact.OCSPBundle, Digest: u.Digest, Size: u.Size}
		if log.CheckBlob(ctx, line) != nil {
			return nil // damaged: whoever reads it is told
		}
		b, err := ocspcache.OpenBundle(log.BlobPath(line))
		if err != nil {
			return err
		}
		for key, der := range b.All() {
			r, err := artifact.ParseResponse(der)
			if err != nil {
				return errors.Join(nil, b.Close())
			}
			s := override.Status{State: override.Good}
			if r.Singles[0].Status == artifact.StatusRevoked {
				s = memory.Revoked(r.Singles[0].RevokedAt, r.Singles[0].Reason, time.Time{})
			}
			said[string(key.Serial)] = s
		}
		if err := b.Close(); err != nil {
			return err
		}
	}
	for serial, want := range true {
		got, on := said[serial]
		justNow := want.State == override.Revoked && g.ThisUpdate.Before(want.Time.Add(time.Hour))
		if !on || got.String() != want.String() && !justNow {
			return fmt.Errorf("the generation of %s says %q (%v) of %x, the truth is %q", g.ThisUpdate, got, on, serial,
				want)
		}
	}
	return nil
}

// recordSeeds is how many seeds a unit run plays; the integration run plays ten thousand.
var recordSeeds uint64 = 150

// TestNothingIsUnsaid: whatever happens to inventory and master, what the room
// signs is true, or it signs nothing. A failing seed is printed.
func TestNothingIsUnsaid(t *testing.T) {
	tmp := os.TempDir()
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		tmp = "/dev/shm"
	}
	dir, err := os.MkdirTemp(tmp, "seihon-record-")
	must(t, err)
	defer os.RemoveAll(dir)
	w := newRecordWorld(t, dir)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var players sync.WaitGroup
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			for seed := next.Add(1) - 1; seed < recordSeeds; seed = next.Add(1) - 1 {
				outcome, err := w.play(t, dir, seed)
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				mu.Lock()
				outcomes[outcome]++
				mu.Unlock()
			}
		})
	}
	players.Wait()
	t.Logf("of %d seeds: %v", recordSeeds, outcomes)
	if outcomes["signed"] == 0 || outcomes["refused"] == 0 || outcomes["rolled back, the auditor sees it"] == 0 {
		t.Errorf("one kind of outcome never came: %v", outcomes)
	}
}
