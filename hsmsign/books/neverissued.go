package books

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"seihon/inventory"
)

// NeverIssued is an operator's list of serials that this CA never issued a certificate under.
type NeverIssued struct {
	Issuer string
	List   []byte    // a serial in hex on each line; what follows a # is a remark
	Seen   time.Time // of which moment the list is
	DryRun bool      // judge only
}

// DeclareNeverIssued records the list. The next run of the schedule signs "revoked" about
// them, in the form of RFC 6960 §2.2: on hold since 1970-01-01, in a response that
// carries the extended-revoke extension. They are on no CRL, and nothing can be
// issued under them.
//
// Responses are made beforehand, so only a serial that somebody named can have
// one; all others stay "unauthorized". The list is a person's decision: whoever
// asks a responder chooses the serials, and would choose what is signed.
func (b *Books) DeclareNeverIssued(ctx context.Context, n NeverIssued) (*inventory.DeclarationResult, error) {
	conf := b.conf.Issuer(n.Issuer)
	switch {
	case conf == nil:
		return nil, fmt.Errorf("declaring serials never issued: the configuration has no issuer %q", n.Issuer)
	case conf.OCSP == nil || conf.OCSP.NeverIssued != "revoked":
		return nil,
			fmt.Errorf("declaring serials of %s never issued: no response would be made; set ocsp.never_issued: "+
				"revoked for it", n.Issuer)
	}
	q := inventory.Declaration{Issuer: n.Issuer, Seen: n.Seen, DryRun: n.DryRun}
	lines := bufio.NewScanner(bytes.NewReader(n.List))
	for line := 1; lines.Scan(); line++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		serial, err := inventory.ParseSerial(text)
		if err != nil {
			return nil, fmt.Errorf("declaring serials of %s never issued: line %d: %w", n.Issuer, line, err)
		}
		q.Serials = append(q.Serials, serial)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("declaring serials of %s never issued: reading the list: %w", n.Issuer, err)
	}
	if len(q.Serials) == 0 {
		return nil, fmt.Errorf("declaring serials of %s never issued: the list has none", n.Issuer)
	}
	return b.DB.DeclareNeverIssued(ctx, q)
}
