package inventory

import "strings"

// schemaVersion is refused when the database carries another one.
const schemaVersion = 8

// Values of certificates.due_at that are not times.
const (
	dueUrgent = -1      // the status changed since it was last signed
	dueNew    = 0       // never signed
	dueNever  = 1 << 62 // nothing more will be signed about it
)

// schema is written for PostgreSQL; sqliteSchema translates the few words that
// differ. Times are Unix seconds, 0 = unknown.
//
//   - certificates: shard is bucket modulo issuers.shards and is stored because
//     the due index needs it; bucket is kept so that a change of the number of
//     shards is one statement.
//     There is no foreign key to issuers: both databases would check it for
//     each row of an import, and issuers are never deleted.
//   - certificates_due serves both Due (a range of due_at) and StatusAll (a whole
//     shard); it ends with the primary key so that rows stream in a fixed order
//     without a sort.
//   - revoked_at is NULL unless the row belongs on a CRL or, released from
//     hold, on a delta CRL; so certificates_revoked has only those. It has every
//     column that Revoked asks for: a CRL is read from the index alone, in its
//     order, without a search in the table for each entry. It has no rows that a list of
//     another CA software added: that software signs the lists of such an issuer.
//   - imported is 1 for what came from outside, and 2 as long as a list stands for the row
//     (list.go). Every statement that changes what is recorded of such a row sets it to 1.
//   - listed has blocks of what only a list says: n entries of one shard, between two serials (block.go).
//     All of them are due, and recorded.
//   - recorded says whether the private master has the row as it stands: see
//     journal.go. Every statement that changes what is recorded sets it to 0.
//   - bodies has the certificates themselves. Of one that was issued here it has the
//     commitment, too: its salt, and the entry of the master log and the leaf in it;
//     csr is the SHA-256 of the request.
//   - pending has the same of what the log commits to and what an interruption left
//     unsigned, with tbs, the octets that will be signed. name is the public name
//     that the certificate gets, if any; place is the origin of the log; subject_key
//     is the SHA-256 of the certified key. A row leaves it with the certificate.
//   - reserved has a row for each batch whose certificates are not there yet: its
//     first serial, and in more the others, each after an octet with its length.
//   - keys finds the certificates of a key, by the SHA-256 of its
//     SubjectPublicKeyInfo. Every statement that writes a body writes it, too; a
//     row whose body has another key by now is passed over.
//   - imports.listed is the kind of the certificates of a revocation list that stands for
//     what it added, which have no records of their own (list.go); ” when they have.
//   - masters says up to which size of which master log the tables are in step.
//   - heads says of which master log the room keeps the last checkpoint outside of log and inventory.
const schema = `
CREATE TABLE IF NOT EXISTS meta (
	version BIGINT PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS issuers (
	id SERIAL_KEY,
	name TEXT NOT NULL UNIQUE,
	key BYTEA NOT NULL,
	key_id BIGINT NOT NULL,
	shards BIGINT NOT NULL,
	grace BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS certificates (
	key_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	issuer_id BIGINT NOT NULL,
	state SMALLINT NOT NULL,
	kind TEXT NOT NULL,
	ca SMALLINT NOT NULL,
	imported SMALLINT NOT NULL,
	not_before BIGINT NOT NULL,
	not_after BIGINT NOT NULL,
	subject TEXT NOT NULL,
	consent TEXT NOT NULL,
	revoked_at BIGINT,
	reason SMALLINT NOT NULL,
	invalidity BIGINT NOT NULL,
	revoked_here SMALLINT NOT NULL,
	this_update BIGINT NOT NULL,
	next_update BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	bucket INTEGER NOT NULL,
	shard INTEGER NOT NULL,
	revision BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	recorded SMALLINT NOT NULL DEFAULT 0,
	PRIMARY KEY (key_id, serial)
) CLUSTERED;
CREATE INDEX IF NOT EXISTS certificates_unrecorded ON certificates (key_id, serial) WHERE recorded <> 1;
CREATE TABLE IF NOT EXISTS listed (
	id SERIAL_KEY,
	key_id BIGINT NOT NULL,
	issuer_id BIGINT NOT NULL,
	shard INTEGER NOT NULL,
	kind TEXT NOT NULL,
	ca SMALLINT NOT NULL,
	changed_at BIGINT NOT NULL,
	n INTEGER NOT NULL,
	lowest BYTEA NOT NULL,
	highest BYTEA NOT NULL,
	entries BYTEA NOT NULL
);
CREATE INDEX IF NOT EXISTS listed_serial ON listed (key_id, lowest, highest);
CREATE INDEX IF NOT EXISTS listed_shard ON listed (issuer_id, shard, lowest);
CREATE TABLE IF NOT EXISTS pending (
	key_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	issuer_id BIGINT NOT NULL,
	salt BYTEA NOT NULL,
	tbs BYTEA NOT NULL,
	entry BIGINT NOT NULL,
	leaf BIGINT NOT NULL,
	place TEXT NOT NULL,
	name TEXT NOT NULL,
	subject_key BYTEA,
	csr BYTEA,
	PRIMARY KEY (key_id, serial)
) CLUSTERED;
CREATE TABLE IF NOT EXISTS reserved (
	key_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	issuer_id BIGINT NOT NULL,
	place TEXT NOT NULL,
	more BYTEA NOT NULL,
	PRIMARY KEY (key_id, serial)
) CLUSTERED;
CREATE TABLE IF NOT EXISTS masters (
	place TEXT PRIMARY KEY,
	size BIGINT NOT NULL,
	root BYTEA NOT NULL
);
CREATE TABLE IF NOT EXISTS heads (
	place TEXT PRIMARY KEY
);
CREATE INDEX IF NOT EXISTS certificates_due ON certificates (issuer_id, shard, due_at, key_id, serial);
CREATE INDEX IF NOT EXISTS certificates_revoked ON certificates
	(issuer_id, serial, revoked_at, reason, invalidity, not_after, changed_at, state, ca, shard) WHERE revoked_at IS NOT NULL AND imported <> 2;
CREATE TABLE IF NOT EXISTS bodies (
	key_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	der BYTEA NOT NULL,
	salt BYTEA,
	entry BIGINT NOT NULL DEFAULT 0,
	leaf BIGINT NOT NULL DEFAULT 0,
	csr BYTEA,
	PRIMARY KEY (key_id, serial)
);
CREATE INDEX IF NOT EXISTS bodies_csr ON bodies (csr) WHERE csr IS NOT NULL;
CREATE TABLE IF NOT EXISTS keys (
	digest BYTEA NOT NULL,
	key_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	PRIMARY KEY (digest, key_id, serial)
) CLUSTERED;
CREATE TABLE IF NOT EXISTS shards (
	issuer_id BIGINT NOT NULL REFERENCES issuers (id),
	shard INTEGER NOT NULL,
	holder TEXT NOT NULL,
	token BIGINT NOT NULL,
	lease_until BIGINT NOT NULL,
	finished_at BIGINT NOT NULL,
	PRIMARY KEY (issuer_id, shard)
) CLUSTERED;
CREATE TABLE IF NOT EXISTS counters (
	name TEXT PRIMARY KEY,
	value BYTEA NOT NULL,
	recorded SMALLINT NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS artifacts (
	id SERIAL_KEY,
	issuer_id BIGINT NOT NULL REFERENCES issuers (id),
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	scope TEXT NOT NULL,
	number BYTEA NOT NULL,
	this_update BIGINT NOT NULL,
	next_update BIGINT NOT NULL,
	digest BYTEA NOT NULL,
	signed_at BIGINT NOT NULL,
	committed BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS artifacts_latest ON artifacts (issuer_id, kind, scope, id);
CREATE INDEX IF NOT EXISTS artifacts_open ON artifacts (digest) WHERE committed = 0;
CREATE TABLE IF NOT EXISTS events (
	id SERIAL_KEY,
	at BIGINT NOT NULL,
	issuer_id BIGINT NOT NULL,
	serial BYTEA NOT NULL,
	what TEXT NOT NULL,
	detail TEXT NOT NULL,
	requested_by TEXT NOT NULL DEFAULT '',
	request TEXT NOT NULL DEFAULT '',
	recorded SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS events_override ON events (issuer_id, serial) WHERE what = 'override';
CREATE INDEX IF NOT EXISTS events_unrecorded ON events (id) WHERE recorded <> 1;
CREATE TABLE IF NOT EXISTS imports (
	id SERIAL_KEY,
	issuer_id BIGINT NOT NULL REFERENCES issuers (id),
	format TEXT NOT NULL,
	name TEXT NOT NULL,
	as_of BIGINT NOT NULL,
	digest BYTEA NOT NULL,
	records BIGINT NOT NULL,
	revoked BIGINT NOT NULL,
	at BIGINT NOT NULL,
	override TEXT NOT NULL,
	recorded SMALLINT NOT NULL DEFAULT 0,
	listed TEXT NOT NULL DEFAULT ''
)`

// upgrades1 bring the tables of version 1 to the present one, before the
// statements of the schema add what is new. Rows that were there count as not
// recorded: the next commit of the room puts them into the private master.
var upgrades1 = []string{
	`ALTER TABLE certificates ADD COLUMN recorded SMALLINT NOT NULL DEFAULT 0`,
	`ALTER TABLE counters ADD COLUMN recorded SMALLINT NOT NULL DEFAULT 0`,
	`ALTER TABLE events ADD COLUMN requested_by TEXT NOT NULL DEFAULT ''`,
	`ALTER TABLE events ADD COLUMN request TEXT NOT NULL DEFAULT ''`,
	`ALTER TABLE events ADD COLUMN recorded SMALLINT NOT NULL DEFAULT 0`,
	`ALTER TABLE imports ADD COLUMN recorded SMALLINT NOT NULL DEFAULT 0`,
	// Something has to stand behind the revocations that are there (Unvouched).
	`INSERT INTO imports (issuer_id, format, name, as_of, digest, records, revoked, at, override)
		SELECT id, 'upgrade', 'inventory of schema version 1', 0, '', 0, 0, 0, '' FROM issuers`,
}

// upgrades6 keep the rows that lists stand for out of an index; the statements of the schema make it again.
var upgrades6 = []string{`DROP INDEX IF EXISTS certificates_revoked`}

// upgrades5 let a revocation list stand for the rows that its import added.
var upgrades5 = []string{`ALTER TABLE imports ADD COLUMN listed TEXT NOT NULL DEFAULT ''`, upgrades6[0]}

// upgrades4 give the table bodies its columns of today, before the statements of the
// schema: until version 4 commitments had a table of their own, issuance.
var upgrades4 = []string{
	`ALTER TABLE bodies ADD COLUMN salt BYTEA`,
	`ALTER TABLE bodies ADD COLUMN entry BIGINT NOT NULL DEFAULT 0`,
	`ALTER TABLE bodies ADD COLUMN leaf BIGINT NOT NULL DEFAULT 0`,
	`ALTER TABLE bodies ADD COLUMN csr BYTEA`,
	upgrades5[0],
	upgrades6[0],
}

// moved2 and moved3 fill the tables of today, after the statements of the schema, from those of version 2, and of
// versions 3 and 4. In version 2 the table issuance had what was to be signed as well. What was only reserved was
// committed to in entry -1.
var moved2 = []string{
	`INSERT INTO pending (key_id, serial, issuer_id, salt, tbs, entry, leaf, place, name, subject_key, csr)
		SELECT key_id, serial, issuer_id, salt, tbs, entry, leaf, place, name, subject_key, csr FROM issuance WHERE tbs IS NOT NULL`,
	`DELETE FROM issuance WHERE tbs IS NOT NULL`,
}

var moved3 = []string{
	`INSERT INTO reserved (key_id, serial, issuer_id, place, more) SELECT key_id, serial, issuer_id, place, '' FROM pending WHERE entry = -1`,
	`DELETE FROM pending WHERE entry = -1`,
	`UPDATE bodies SET salt = s.salt, entry = s.entry, leaf = s.leaf, csr = s.csr FROM issuance s WHERE s.key_id = bodies.key_id AND s.serial = bodies.serial`,
	`DROP TABLE issuance`,
}

// statements returns the schema for one of the databases, one statement each.
func statements(postgres bool) []string {
	return strings.Split(dialect(postgres).Replace(schema), ";\n")
}

// dialect writes the words of one of the databases.
func dialect(postgres bool) *strings.Replacer {
	if postgres {
		return strings.NewReplacer("SERIAL_KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", " CLUSTERED", "")
	}
	return strings.NewReplacer("SERIAL_KEY", "INTEGER PRIMARY KEY AUTOINCREMENT", " CLUSTERED", " WITHOUT ROWID",
		"BYTEA", "BLOB", "BIGINT", "INTEGER", "SMALLINT", "INTEGER")
}
