package books

import (
	"context"
	"fmt"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/internal/durable"
	"seihon/internal/incoming"
	"seihon/internal/shelflife"
	"seihon/inventory"
	"seihon/ledger"
)

// Status is what the room knows of its own condition, without the HSM.
type Status struct {
	Now    time.Time      `json:"now"`
	Policy string         `json:"policy"` // signer.policy: accredited or trial
	Lists  []StatusLine   `json:"artifacts"`
	Counts []StatusIssuer `json:"issuers"`
	// FirstExpiry is when the first artifact expires if the HSM never signs again: the shelf life. Of a generation only
	// the responses count that would be renewed.
	FirstExpiry     time.Time `json:"first_expiry"`
	FirstExpiryName string    `json:"first_expiry_name"`
	Uncommitted     int       `json:"uncommitted"` // signed, not in the ledger yet
	// Refused are the inputs of the drop folder that were refused and that nobody has taken away yet, a line for each.
	Refused []string `json:"refused,omitempty"`
	// Reviews are the documents of the master log that somebody has to look at again.
	Reviews []ledger.Review `json:"reviews"`
	// Documents are the CP/CPS that are in force, and those that will be.
	Documents []StatusDocument `json:"documents"`

	lives []life // of all that would be renewed
}

// A life is from when until when something holds.
type life struct{ from, until time.Time }

// Short is the worst that limits say of anything that would be renewed.
func (s *Status) Short(limits shelflife.Limits) (worst shelflife.Verdict) {
	for _, l := range s.lives {
		worst = max(worst, limits.Judge(l.from, l.until, s.Now))
	}
	return worst
}

// StatusLine is the newest of one kind of artifact.
type StatusLine struct {
	Name       string    `json:"name"`
	Number     string    `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Due        time.Time `json:"due"`
}

// StatusIssuer counts the certificates of one issuer.
type StatusIssuer struct {
	Name        string `json:"name"`
	Issued      int64  `json:"issued"`
	Revoked     int64  `json:"revoked"`
	NeverIssued int64  `json:"never_issued"` // declared so
	NeverSigned int64  `json:"never_signed"`
	Urgent      int64  `json:"urgent"`     // revoked, and not yet on a response
	Unanswered  int64  `json:"unanswered"` // the same, where responses are made at all
	Unlisted    int64  `json:"unlisted"`   // revoked or released from hold, and not yet so on the list
}

// Status reads the inventory and the master, so that monitoring needs no PIN.
func (b *Books) Status(ctx context.Context) (*Status, error) {
	s := &Status{Now: b.now().UTC().Truncate(time.Second), Policy: b.conf.Signer.Policy, Lists: []StatusLine{},
		Counts: []StatusIssuer{}}
	for i := range b.conf.Issuers {
		if err := b.issuerStatus(ctx, i, s); err != nil {
			return nil, err
		}
	}
	for _, err := range b.Uncommitted(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading what is not committed: %w", err)
		}
		s.Uncommitted++
	}
	log, err := room.OpenMaster(ctx, b.conf)
	if err != nil {
		return nil, err
	}
	if s.Reviews, err = log.Reviews(ctx); err != nil {
		return nil, fmt.Errorf("reading which documents are to be looked at again: %w", err)
	}
	if s.Documents, err = b.documents(ctx, log, s.Now); err != nil {
		return nil, err
	}
	if a := b.conf.Accept; a != nil {
		if s.Refused, err = incoming.Reasons(string(a.Directory)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (b *Books) issuerStatus(ctx context.Context, i int, s *Status) error {
	conf := &b.conf.Issuers[i]
	known, err := b.Issuers(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, k := range known {
		found = found || k.Name == conf.Name
	}
	if !found {
		return nil // no certificate yet
	}
	counts, err := b.Counts(ctx, conf.Name)
	if err != nil {
		return fmt.Errorf("counting the certificates of %s: %w", conf.Name, err)
	}
	s.Counts = append(s.Counts, StatusIssuer{
		Name: conf.Name, Issued: counts.Issued, Revoked: counts.Revoked, NeverIssued: counts.NeverIssued,
		NeverSigned: counts.NeverSigned, Urgent: counts.Urgent,
	})
	add := func(kind artifact.Kind, scope string, refresh time.Duration) error {
		rec, err := room.Latest(ctx, b.DB, conf.Name, kind, scope)
		if err != nil || rec == nil {
			return err
		}
		until := rec.NextUpdate
		if kind == artifact.OCSPGeneration && !counts.AnsweredUntil.IsZero() {
			// the last response about a certificate that expires is not renewed, and nothing to warn of
			until = counts.AnsweredUntil
		}
		s.add(rec, refresh, until)
		return nil
	}
	own := &s.Counts[len(s.Counts)-1]
	if conf.OCSP != nil {
		own.Unanswered = counts.Urgent
	}
	a := &room.Authority{Issuer: conf}
	for _, l := range room.ListsOf(a) {
		if l.Kind == artifact.CRL || l.Kind == artifact.ARL && conf.CRL == nil {
			n, err := b.unlisted(ctx, l)
			if err != nil {
				return err
			}
			own.Unlisted += n
		}
		if err := add(l.Kind, l.Series(), l.Refresh()); err != nil {
			return err
		}
	}
	if conf.OCSP != nil {
		return add(artifact.OCSPGeneration, "generation", conf.OCSP.Refresh.Std())
	}
	return nil
}

// add takes the newest of a kind; until is when it has to be replaced.
func (s *Status) add(rec *inventory.ArtifactRecord, refresh time.Duration, until time.Time) {
	line := StatusLine{Name: rec.Name, ThisUpdate: rec.ThisUpdate, NextUpdate: rec.NextUpdate,
		Due: rec.ThisUpdate.Add(refresh)}
	if rec.Number != nil {
		line.Number = rec.Number.String()
	}
	s.Lists = append(s.Lists, line)
	if !until.IsZero() {
		s.lives = append(s.lives, life{rec.ThisUpdate, until})
	}
	if !until.IsZero() && (s.FirstExpiry.IsZero() || until.Before(s.FirstExpiry)) {
		s.FirstExpiry, s.FirstExpiryName = until, rec.Name
	}
}

// Line is the one-line summary that a monitoring plug-in prints.
func (s *Status) Line() string {
	line := "nothing is signed yet"
	if !s.FirstExpiry.IsZero() {
		line = s.shelfLife()
	}
	if n := s.Unsigned(); n > 0 && !s.FirstExpiry.IsZero() {
		line += fmt.Sprintf("; %d changes of a status are recorded and not signed: run `signer run`, and read what "+
			"it says", n)
	}
	if n := len(s.Refused); n > 0 {
		line += fmt.Sprintf("; %d inputs were refused (last: %s): take them out of the folder refused once they are "+
			"dealt with", n, s.Refused[n-1])
	}
	for _, r := range s.Overdue() {
		line += fmt.Sprintf("; the review of %q was due %s: review it and record the new one with `signer evidence`",
			r.Kind, r.Due.Format(time.DateOnly))
	}
	for _, d := range s.Documents {
		line += "; " + d.words()
	}
	if s.Policy == config.PolicyTrial {
		line += "; signer.policy is trial: no key of this room is of an accredited CA"
	}
	return line
}

// Overdue are the reviews whose day has come.
func (s *Status) Overdue() (due []ledger.Review) {
	for _, r := range s.Reviews {
		if r.Overdue(s.Now) {
			due = append(due, r)
		}
	}
	return due
}

func (s *Status) shelfLife() string {
	return fmt.Sprintf("shelf life %s: %s is the first to expire, at %s; %d signed but not recorded",
		s.FirstExpiry.Sub(s.Now).Round(time.Minute), s.FirstExpiryName, s.FirstExpiry.Format(time.RFC3339),
		s.Uncommitted)
}

// WritePrometheus writes the status as a node_exporter textfile, in one step.
func (s *Status) WritePrometheus(file string) error {
	var b strings.Builder
	fmt.Fprintf(&b,
		"# HELP seihon_signer_first_expiry_seconds When the first artifact expires if nothing is signed any more.\n"+
			"# TYPE seihon_signer_first_expiry_seconds gauge\nseihon_signer_first_expiry_seconds %d\n",
		s.FirstExpiry.Unix())
	fmt.Fprintf(&b, "# HELP seihon_signer_uncommitted Artifacts signed and not yet in the ledger.\n"+
		"# TYPE seihon_signer_uncommitted gauge\nseihon_signer_uncommitted %d\n", s.Uncommitted)
	b.WriteString("# HELP seihon_signer_next_update_seconds nextUpdate of the newest artifact of each name.\n# TYPE " +
		"seihon_signer_next_update_seconds gauge\n")
	for _, l := range s.Lists {
		fmt.Fprintf(&b, "seihon_signer_next_update_seconds{name=%q} %d\n", l.Name, l.NextUpdate.Unix())
	}
	fmt.Fprintf(&b,
		"# HELP seihon_signer_refused_inputs Inputs of the drop folder that were refused and are still there.\n"+
			"# TYPE seihon_signer_refused_inputs gauge\nseihon_signer_refused_inputs %d\n", len(s.Refused))
	b.WriteString("# HELP seihon_signer_urgent Revocations that no response shows yet.\n# TYPE seihon_signer_urgent " +
		"gauge\n")
	for _, i := range s.Counts {
		fmt.Fprintf(&b, "seihon_signer_urgent{issuer=%q} %d\n", i.Name, i.Urgent)
	}
	b.WriteString("# HELP seihon_signer_review_due_seconds When a document is to be reviewed.\n# TYPE " +
		"seihon_signer_review_due_seconds gauge\n")
	for _, r := range s.Reviews {
		if !r.Due.IsZero() {
			fmt.Fprintf(&b, "seihon_signer_review_due_seconds{kind=%q} %d\n", r.Kind, r.Due.Unix())
		}
	}
	fmt.Fprintf(&b, "# HELP seihon_signer_status_seconds When this file was written.\n"+
		"# TYPE seihon_signer_status_seconds gauge\nseihon_signer_status_seconds %d\n", s.Now.Unix())
	return durable.WriteFile(file, []byte(b.String()), 0o644)
}
