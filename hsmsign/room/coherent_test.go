package room_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/inputtest"
)

// TestEditedRowsOfAListedCertificate edits a row of which a list in the master speaks, and hands the next list over, or
// lets the room sign answers: what was edited is set back to what the master says before anything is signed from it.
func TestEditedRowsOfAListedCertificate(t *testing.T) {
	t.Parallel()
	const serial = `serial = x'7a00000007'`
	row := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, file string) { execSQL(t, file, statement) }
	}
	block := func(edit func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, file string) { editBlock(t, file, manySerial(7), edit) }
	}
	for n, edits := range map[int]map[string]func(*testing.T, string){
		20: { // with records of their own
			"good":           row(`UPDATE certificates SET state = 1, revoked_at = NULL, reason = -1 WHERE ` + serial),
			"another date":   row(`UPDATE certificates SET revoked_at = revoked_at + 60 WHERE ` + serial),
			"another reason": row(`UPDATE certificates SET reason = 1 WHERE ` + serial),
			"no row":         row(`DELETE FROM certificates WHERE ` + serial),
		},
		1200: { // with a list that stands for them
			"good": row(`INSERT INTO certificates SELECT key_id, x'7a00000007', id, 1, '', 0, 1, 0, 0, '', '', NULL, -1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1
				FROM issuers WHERE name = 'kept'`),
			"another date":   block(func(entry []byte) []byte { entry[1] ^= 16; return entry }),
			"another reason": block(func(entry []byte) []byte { entry[0] = 2; return entry }),
			"no entry":       block(func([]byte) []byte { return nil }),
		},
	} {
		for name, edit := range edits {
			for _, next := range []int{0, 2, 25_000} { // more entries in the next list; 0: there is none
				t.Run(fmt.Sprintf("%d entries, %s, %d more", n, name, next), func(t *testing.T) {
					t.Parallel()
					k := newKeptRoom(t)
					k.accept(t, k.many(1, 0, n))
					file := filepath.Join(k.dir, "inventory.db")
					was := k.row(t, serial)
					edit(t, file)
					if next > 0 {
						k.accept(t, k.many(2, 0, n+next))
					} else {
						must(t, k.do(t, func(r *room.Room) error {
							_, err := schedule.Run(t.Context(), r, schedule.Force{Only: true, Responses: true})
							if len(r.Healed.Certificates) != 1 {
								t.Errorf("healed %+v", r.Healed.Certificates)
							}
							return err
						}))
					}
					if now := k.row(t, serial); now != was {
						t.Errorf("the row is %q, was %q", now, was)
					}
				})
			}
		}
	}
}

// row is what one row says of the revocation.
func (k *keptRoom) row(t *testing.T, where string) (text string) {
	t.Helper()
	db, err := sql.Open("sqlite", spread(t, filepath.Join(k.dir, "inventory.db")))
	must(t, err)
	var state, at, reason, invalidity int64
	must(t,
		db.QueryRow(`SELECT state, coalesce(revoked_at, 0), reason, invalidity FROM certificates WHERE `+
			where).Scan(&state, &at, &reason, &invalidity), db.Close())
	return fmt.Sprint(state, at, reason, invalidity)
}

// TestEditedRowNobodySpeaksOf: a certificate whose row was edited to be revoked is not answered for as revoked.
func TestEditedRowNobodySpeaksOf(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	k.accept(t, k.ca.Certificate(inputtest.Certificate{Serial: inputtest.Integer(manySerial(3))}), k.listed(1, 0x10))
	execSQL(t, filepath.Join(k.dir, "inventory.db"),
		`UPDATE certificates SET state = 2, revoked_at = 1764000000, reason = 1 WHERE serial = x'7a00000003'`)
	must(t, k.do(t, func(r *room.Room) error {
		_, err := schedule.Run(t.Context(), r, schedule.Force{Only: true, Responses: true})
		if len(r.Healed.Certificates) != 1 {
			t.Errorf("healed %+v", r.Healed.Certificates)
		}
		return err
	}))
	if got := k.count(t, `state = 1 AND serial = x'7a00000003'`); got != 1 {
		t.Error("the certificate is not good")
	}
}

// TestLongListJudgedMeanwhile hands over long first lists that are bad in a way that is found out while their entries
// are written: nothing of them stays, and the good one is taken afterwards.
func TestLongListJudgedMeanwhile(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	const n = 5000
	padding := inputtest.Extension([]byte{6, 3, 42, 3, 4}, false,
		append([]byte{4, 0x82, 900 >> 8, 900 & 0xff}, make([]byte, 900)...))
	list := func(number byte, change func(*inputtest.List)) []byte {
		l := inputtest.List{Number: inputtest.Integer([]byte{number})}
		for i := range n {
			l.Entries = append(l.Entries,
				inputtest.Entry{Serial: inputtest.Integer(manySerial(i)), Extensions: [][]byte{padding}})
		}
		change(&l)
		der := k.ca.List(l)
		if len(der) <= 4<<20 {
			t.Fatalf("the list has %d octets: that is not long", len(der))
		}
		return der
	}
	good := list(1, func(*inputtest.List) {})
	for why, raw := range map[string][]byte{
		"revoked-later": list(1,
			func(l *inputtest.List) { l.Entries[n-1].Time = inputtest.Time(k.now.AddDate(1, 0, 0)) }),
		"crl-current": list(1, func(l *inputtest.List) {
			l.Next = inputtest.Time(k.now.AddDate(0, 0, -1))
		}),
		"twice": list(1, func(l *inputtest.List) { l.Entries[n-1] = l.Entries[n-2] }),
	} {
		must(t, k.do(t, func(r *room.Room) error {
			res, err := accept.Inputs(t.Context(), r, []accept.Input{inputOf("input", raw)})
			if err == nil && !strings.Contains(res.Verdicts[0].Refused, why) {
				t.Errorf("%s: %s", why, res.Verdicts[0].String())
			}
			return err
		}))
		if got := k.count(t, `state = 2`); got != 0 {
			t.Errorf("%s: %d rows are left", why, got)
		}
		if files, _ := filepath.Glob(filepath.Join(k.dir,
			"master/blobs/*/"+strings.TrimPrefix(artifact.Sum(raw).String(), "sha256:"))); len(files) > 0 {
			t.Errorf("%s: the master has it: %v", why, files)
		}
	}
	k.accept(t, good)
	if got := k.count(t, `state = 2 AND imported = 2 AND recorded = 1`); got != n {
		t.Errorf("%d rows, want %d", got, n)
	}
	k.rebuilt(t)
}

// TestSaidBy walks several lists at once: by serial, the newer one's word counts.
func TestSaidBy(t *testing.T) {
	t.Parallel()
	ca := inputtest.NewCA("many lists")
	parse := func(l inputtest.List) *artifact.RevocationList {
		parsed, err := artifact.ParseRevocationList(ca.List(l))
		must(t, err)
		return parsed
	}
	entry := func(serial, reason byte) inputtest.Entry {
		return inputtest.Entry{Serial: number(serial), Extensions: inputtest.Reason(reason)}
	}
	older := parse(inputtest.List{Entries: []inputtest.Entry{entry(9, 1), entry(1, 6), entry(5, 1)}})
	newer := parse(inputtest.List{This: inputtest.Time(inputtest.Now),
		Entries: []inputtest.Entry{entry(5, 4), entry(2, 3)}})
	var got []string
	for e, err := range room.SaidBy([]*artifact.RevocationList{older, newer}) {
		must(t, err)
		got = append(got, fmt.Sprintf("%x:%d", e.Serial, e.Reason))
	}
	if want := []string{"01:6", "02:3", "05:4", "09:1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
