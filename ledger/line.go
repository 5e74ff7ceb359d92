package ledger

import (
	"time"

	"seihon/artifact"
)

// A Line is one artifact in a manifest: what the master says about one name.
type Line struct {
	Name      string
	Kind      artifact.Kind
	Digest    artifact.Digest
	Size      int64
	NotBefore time.Time // start of validity, or thisUpdate
	NotAfter  time.Time // end of validity, or nextUpdate; zero when there is none
	Issuer    string    // "" = none
	Number    string    // CRL number in decimal or serial in hex; "" = none
}

// A Change is one step of the state, in log order: a line that became current,
// or a name that was withdrawn. Exactly one pointer is set.
type Change struct {
	Index    int64 // of the entry
	Line     *Line
	Withdraw *WithdrawnName
}
