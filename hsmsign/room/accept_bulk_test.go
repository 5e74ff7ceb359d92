package room_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/internal/inputtest"
	"seihon/inventory"
)

// many is a list with so many entries that it stands for their rows; they begin at a serial.
func (k *keptRoom) many(no byte, from, n int) []byte {
	l := inputtest.List{Number: number(no)}
	for i := range n {
		l.Entries = append(l.Entries, inputtest.Entry{Serial: inputtest.Integer(manySerial(from + i))})
	}
	return k.ca.List(l)
}

func manySerial(n int) []byte {
	return append([]byte{0x7a}, binary.BigEndian.AppendUint32(nil, uint32(n))...)
}

func (k *keptRoom) accept(t *testing.T, inputs ...[]byte) {
	t.Helper()
	must(t, k.do(t, func(r *room.Room) error {
		var all []accept.Input
		for _, raw := range inputs {
			all = append(all, inputOf("input", raw))
		}
		res, err := accept.Inputs(t.Context(), r, all)
		return errors.Join(err, res.Err())
	}))
}

// rows is dump without the time at which a row is due: what is healed is due at once.
func rows(t *testing.T, file string) map[string][]string {
	all := dump(t, spread(t, file))
	for i, row := range all["certificates"] {
		all["certificates"][i] = dueAt.ReplaceAllString(row, "")
	}
	slices.Sort(all["certificates"])
	return all
}

// spread copies an inventory, and makes rows in the copy of what only lists say: another number of shards does so.
func spread(t *testing.T, file string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "spread.db")
	must(t, os.WriteFile(copied, nil, 0o600))
	execSQL(t, file, `VACUUM INTO '`+copied+`'`)
	db, err := inventory.Open(t.Context(), inventory.Config{DSN: "sqlite:" + copied})
	must(t, err)
	issuers, err := db.Issuers(t.Context())
	must(t, err)
	for _, i := range issuers {
		must(t, db.SetShards(t.Context(), i.Name, i.Shards+1), db.SetShards(t.Context(), i.Name, i.Shards))
	}
	must(t, db.Close())
	return copied
}

var dueAt = regexp.MustCompile(` due_at=\S+`)

// rebuilt makes the inventory again from the master and wants every row as it was.
func (k *keptRoom) rebuilt(t *testing.T) {
	t.Helper()
	file := filepath.Join(k.dir, "inventory.db")
	before := rows(t, file)
	for _, end := range []string{"", "-wal", "-shm"} {
		must(t, os.RemoveAll(file+end))
	}
	r := k.room(t)
	must(t, r.OpenLog(t.Context(), k.signers(t)))
	must(t, r.Rebuild(t.Context(), &room.Rebuilt{}), r.Close())
	if diff := cmp.Diff(before, rows(t, file)); diff != "" {
		t.Errorf("rows differ after the rebuild (-before +after):\n%.3000s", diff)
	}
}

// count asks the inventory.
func (k *keptRoom) count(t *testing.T, where string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", spread(t, filepath.Join(k.dir, "inventory.db")))
	must(t, err)
	must(t, db.QueryRow(`SELECT count(*) FROM certificates WHERE `+where).Scan(&n), db.Close())
	return n
}

// TestListStandsForItsRows: a list of many entries leaves one record in the private master, from which every row comes
// back; what was known before and what changes later has its own.
func TestListStandsForItsRows(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	const n = 1500
	k.accept(t, k.ca.Certificate(inputtest.Certificate{Serial: inputtest.Integer(manySerial(3))}))
	k.accept(t, k.many(1, 0, n))
	if got := k.count(t, `state = 2 AND recorded = 1`); got != n {
		t.Errorf("%d rows are revoked and recorded, want %d", got, n)
	}
	lines := 0
	must(t, k.do(t, func(r *room.Room) error {
		for line, err := range r.PrivateRecords(t.Context(), 0) {
			if err != nil {
				return err
			}
			if strings.Contains(string(line), `"t":"certificate"`) {
				lines++
			}
		}
		return nil
	}))
	if lines > 10 {
		t.Errorf("the private master has %d records of certificates", lines)
	}
	k.rebuilt(t)
	k.accept(t, k.many(2, 0, n+2))
	if got := k.count(t, `state = 2 AND revision = 1`); got != n+2-1 { // all but the one that was known
		t.Errorf("%d rows have one revision: the next list touches what has not changed", got)
	}
	k.rebuilt(t)
	k.accept(t, k.many(3, 0, 2*n+2))
	k.rebuilt(t)
}

// editBlock changes what a block says of a serial, of one octet for the reason and two dates; nil takes the entry away.
func editBlock(t *testing.T, file string, serial []byte, edit func(entry []byte) []byte) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	var id, n int
	var entries []byte
	must(t,
		db.QueryRow(`SELECT id, n, entries FROM listed WHERE lowest < ?1 AND highest > ?1`, serial).Scan(&id, &n,
			&entries))
	head := append([]byte{byte(len(serial))}, serial...)
	before, rest, found := bytes.Cut(entries, head)
	if !found {
		t.Fatalf("no entry of %x", serial)
	}
	_, width := binary.Varint(rest[1:])
	_, width2 := binary.Varint(rest[1+width:])
	end := 1 + width + width2
	if said := edit(bytes.Clone(rest[:end])); said == nil {
		n--
	} else {
		before = slices.Concat(before, head, said)
	}
	_, err = db.Exec(`UPDATE listed SET n = ?2, entries = ?3 WHERE id = ?1`, id, n, slices.Concat(before, rest[end:]))
	must(t, err, db.Close())
}

// TestListHealsItsRows edits and takes away rows that a list stands for, and puts an older inventory back: the master
// says what they were.
func TestListHealsItsRows(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	file := filepath.Join(k.dir, "inventory.db")
	old, err := os.ReadFile(file)
	must(t, err)
	k.accept(t, k.many(1, 0, 1200))
	want := rows(t, file)
	for _, end := range []string{"-wal", "-shm"} {
		must(t, os.RemoveAll(file+end))
	}
	must(t, os.WriteFile(file, old, 0o600))
	k.accept(t, k.many(1, 0, 1200)) // opening heals; the list is here already
	if diff := cmp.Diff(want["certificates"], rows(t, file)["certificates"]); diff != "" {
		t.Errorf("rows of an older inventory after healing (-want +got):\n%.3000s", diff)
	}
	// what was healed are rows
	execSQL(t, file, `UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1 WHERE serial = x'7a00000007'`)
	execSQL(t, file, `DELETE FROM certificates WHERE serial = x'7a00000008'`)
	must(t, k.do(t, func(r *room.Room) error {
		healed, err := r.HealSince(t.Context(), 0, nil, false)
		if len(healed.Certificates) != 2 {
			t.Errorf("healed %+v", healed.Certificates)
		}
		return err
	}))
	if diff := cmp.Diff(want["certificates"], rows(t, file)["certificates"]); diff != "" {
		t.Errorf("edited rows after healing (-want +got):\n%.3000s", diff)
	}
}

// TestLongListFaults lets each step of taking in a long list fail, and takes it in again: every row is there once, and
// the master alone gives the same rows.
func TestLongListFaults(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name, trigger string
		sign          int64
	}{
		{name: "in the blocks", trigger: `BEFORE INSERT ON listed WHEN NEW.highest = x'7a000004af'`},
		{name: "at the import", trigger: `BEFORE INSERT ON imports`},
		{name: "at the history", trigger: `BEFORE INSERT ON artifacts WHEN NEW.scope = 'history'`},
		{name: "at the journal", trigger: `BEFORE UPDATE OF recorded ON imports WHEN NEW.recorded = 2`},
		{name: "at the checkpoint", sign: 1},
		{name: "at marking the import", trigger: `BEFORE UPDATE OF recorded ON imports WHEN NEW.recorded = 1`},
		{name: "at marking the list", trigger: `BEFORE UPDATE OF committed ON artifacts`},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			k := newKeptRoom(t)
			list := k.many(1, 0, 1200)
			k.drop(t, "list", list)
			good, file := k.keys["log"], filepath.Join(k.dir, "inventory.db")
			key := &faultyKey{Signer: good, fault: func() error { return errFault }}
			key.at.Store(f.sign)
			k.keys["log"] = key
			if f.trigger != "" {
				execSQL(t,
					file, `CREATE TRIGGER fault `+f.trigger+` BEGIN SELECT RAISE(ABORT, 'the fault of this test'); END`)
			}
			res, err := k.empty(t)
			if err == nil && res.Waiting == 0 {
				t.Error("nothing failed")
			}
			k.keys["log"] = good
			if f.trigger != "" {
				execSQL(t, file, `DROP TRIGGER fault`)
			}
			_, err = k.empty(t)
			must(t, err)
			k.checkList(t, list)
			if got := k.count(t, `state = 2 AND revision = 1 AND recorded = 1`); got != 1200 {
				t.Errorf("%d rows are revoked and recorded, want 1200", got)
			}
			k.rebuilt(t)
		})
	}
}
