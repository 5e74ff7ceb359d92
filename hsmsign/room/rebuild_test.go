package room_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seihon/hsmsign/room"
)

// everyRow dumps all that an inventory keeps, by names instead of the numbers
// that a database hands out. What is left out is of the moment: who holds a
// shard, and since when nothing was signed in it.
var everyRow = map[string]string{
	"issuers": `SELECT name, hex(key), shards, grace FROM issuers`,
	"certificates": `SELECT i.name, hex(c.serial), c.state, c.kind, c.ca, c.imported, c.not_before, c.not_after, c.subject, c.consent, c.revoked_at, c.reason,
		c.invalidity, c.revoked_here, c.this_update, c.next_update, c.due_at, c.bucket, c.shard, c.revision, c.changed_at, c.recorded
		FROM certificates c JOIN issuers i ON i.id = c.issuer_id`,
	"bodies":   `SELECT i.name, hex(b.serial), hex(b.der), hex(b.salt), b.entry, b.leaf, hex(b.csr) FROM bodies b JOIN issuers i ON i.id = b.key_id`,
	"reserved": `SELECT i.name, hex(r.serial), r.place, hex(r.more) FROM reserved r JOIN issuers i ON i.id = r.issuer_id`,
	"pending":  `SELECT i.name, hex(p.serial), hex(p.salt), hex(p.tbs), p.entry, p.leaf, p.place, p.name, hex(p.csr) FROM pending p JOIN issuers i ON i.id = p.issuer_id`,
	"counters": `SELECT coalesce(i.name || substr(n.name, length('crl/' || i.id) + 1), n.name), hex(n.value), n.recorded
		FROM counters n LEFT JOIN issuers i ON n.name LIKE 'crl/' || i.id || '/%'`,
	"events":    `SELECT i.name, hex(e.serial), e.at, e.what, e.detail, e.requested_by, e.request, e.recorded FROM events e JOIN issuers i ON i.id = e.issuer_id`,
	"imports":   `SELECT i.name, m.format, m.name, m.as_of, hex(m.digest), m.records, m.revoked, m.at, m.override, m.listed, m.recorded FROM imports m JOIN issuers i ON i.id = m.issuer_id`,
	"artifacts": `SELECT i.name, a.kind, a.name, a.scope, hex(a.number), a.this_update, a.next_update, hex(a.digest), a.signed_at FROM artifacts a JOIN issuers i ON i.id = a.issuer_id`,
	"masters":   `SELECT place, size, hex(root) FROM masters`,
}

func dump(t *testing.T, file string) map[string][]string {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	must(t, err)
	defer db.Close()
	out := map[string][]string{}
	for table, query := range everyRow {
		rows, err := db.Query(query)
		must(t, err)
		columns, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			must(t, rows.Scan(values...))
			var text []string
			for i, v := range values {
				text = append(text, fmt.Sprintf("%s=%v", columns[i], *v.(*any)))
			}
			out[table] = append(out[table], strings.Join(text, " "))
		}
		must(t, rows.Err(), rows.Close())
		slices.Sort(out[table])
	}
	return out
}

// TestRebuildEveryRow loses the inventory and makes it again from the master: every row is as it was.
func TestRebuildEveryRow(t *testing.T) {
	w := newRecordWorld(t, t.TempDir())
	before := dump(t, filepath.Join(w.room.dir, "inventory.db"))
	for _, name := range []string{"inventory.db", "inventory.db-wal", "inventory.db-shm"} {
		must(t, os.RemoveAll(filepath.Join(w.room.dir, name)))
	}
	r := w.room.room(t)
	must(t, r.OpenLog(t.Context(), w.room.signers(t)))
	res := &room.Rebuilt{}
	must(t, r.Rebuild(t.Context(), res), r.Close())
	if res.Certificates != 9 || res.Responses != 9 {
		t.Errorf("rebuilt %+v", res)
	}
	if diff := cmp.Diff(before, dump(t, filepath.Join(w.room.dir, "inventory.db"))); diff != "" {
		t.Errorf("rows differ after the rebuild (-before +after):\n%s", diff)
	}
}
