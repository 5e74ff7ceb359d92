// Package status says how the repository stands and until when it holds, from the logs alone: no network, and no
// artifact is read, so that it may be asked for every minute.
//
// A Status has what the next lines, figures and pages are made from: until when each current artifact holds, how far
// each target is, the last verifications and rounds of samples, what is to be reviewed. What is not as it should be is
// a Concern, with a code, words and advice from the same kind of table as the findings of a report.
package status

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/shelflife"
	"seihon/ledger"
	"seihon/verify/report"
)

// Schema names the version of the JSON form of a Status.
const Schema = "seihon/status/v1"

// A Status says how the repository stands and until when it holds if nothing is signed any more. It comes from the logs
// alone, without network and without reading artifacts, so it may be asked for every minute. It is the one owner of
// what `publisher status` and `publisher dashboard` say as text, JSON, figures and page.
type Status struct {
	Schema    string             `json:"schema"`
	Made      time.Time          `json:"made"`
	Origin    string             `json:"origin"`
	Size      int64              `json:"size"`
	Newest    time.Time          `json:"newest_entry"`
	ShelfLife []report.ShelfLife `json:"shelf_life"`
	Expired   int                `json:"expired"`
	First     time.Time          `json:"first_expiry"` // of a list or of OCSP responses; zero when there is none
	// null: there is none here, and nothing is known of targets
	Publication  *LogStatus          `json:"publication_log"`
	Targets      []TargetStatus      `json:"targets"`
	Verified     time.Time           `json:"verified"`     // the last verification without findings
	Verification *VerificationStatus `json:"verification"` // the last one; null: none is on record
	Checks       []Slot              `json:"verifications"`
	// the newest verdict on the room's token says so: no key is of an accredited CA
	Trial    bool            `json:"trial"`
	Reviews  []ledger.Review `json:"reviews"`  // the first to be due first
	Concerns []Concern       `json:"concerns"` // why it is not all well, the worst first
	Within   Within          `json:"within"`
	Warn     bool            `json:"warn"`
	Critical bool            `json:"critical"`

	retired []TargetStatus // on record: nothing is expected of them
}

// Within is how long before the end of an artifact the status warns at most, in seconds: what its own life says comes
// later.
type Within struct {
	Warn     int64 `json:"warn_seconds"`
	Critical int64 `json:"critical_seconds"`

	limits shelflife.Limits
}

// Judge says how short the life of an artifact is.
func (w Within) Judge(l *report.ShelfLife, now time.Time) shelflife.Verdict {
	return w.limits.Judge(l.ThisUpdate, l.NextUpdate, now)
}

// A Config says what New looks at.
type Config struct {
	Master      *ledger.Log
	Publication *ledger.Log     // nil: targets are not known
	Waiting     []*ledger.Entry // what this host will record there, oldest first
	Targets     []ExpectedTarget
	Limits      shelflife.Limits // of what is left to artifacts; the zero value: the default ones
	Now         func() time.Time
}

// New computes the status.
func New(ctx context.Context, c Config) (*Status, error) {
	if c.Limits == (shelflife.Limits{}) {
		c.Limits = shelflife.Default
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	state, err := c.Master.State(ctx, c.Master.Size())
	if err != nil {
		return nil, fmt.Errorf("computing the status: %w", err)
	}
	s := &Status{Schema: Schema, Made: c.Now().UTC().Truncate(time.Second), Origin: c.Master.Origin(),
		Size: c.Master.Size(), Newest: c.Master.Time(),
		ShelfLife: CurrentLife(state), Targets: []TargetStatus{}, Checks: []Slot{},
		Within: Within{int64(c.Limits.Warn / time.Second), int64(c.Limits.Critical / time.Second), c.Limits}}
	for _, l := range s.ShelfLife {
		if artifact.Stale(l.NextUpdate, s.Made) {
			s.Expired++
		}
		if !artifact.Kind(l.Kind).IsCertificate() && (s.First.IsZero() || l.NextUpdate.Before(s.First)) {
			s.First = l.NextUpdate
		}
	}
	if s.Reviews, err = c.Master.Reviews(ctx); err != nil {
		return nil, fmt.Errorf("computing the status: %w", err)
	}
	if c.Publication != nil {
		if err := s.readPublication(ctx, c.Publication, c.Waiting, state); err != nil {
			return nil, fmt.Errorf("computing the status: %w", err)
		}
	}
	if s.Trial, err = c.Master.OnTrial(ctx); err != nil {
		return nil, fmt.Errorf("computing the status: %w", err)
	}
	s.expect(c.Targets)
	s.judge(c)
	return s, nil
}

// CurrentLife lists until when the current lists, generations and CA certificates hold, the first to expire
// first: what would happen if the signing room stopped now. Archived lists are not expected to be current.
func CurrentLife(state *ledger.State) []report.ShelfLife {
	life := []report.ShelfLife{}
	for line := range state.All() {
		k := line.Kind
		if !k.IsRevocationList() && k != artifact.OCSPGeneration && !k.IsCertificate() || line.NotAfter.IsZero() ||
			artifact.Final(line.NotAfter) {
			continue
		}
		if line.History {
			continue
		}
		life = append(life, report.ShelfLife{Name: line.Name, Kind: string(line.Kind), ThisUpdate: line.NotBefore,
			NextUpdate: line.NotAfter, Number: line.Number})
	}
	slices.SortStableFunc(life, func(a, b report.ShelfLife) int {
		return cmp.Or(a.NextUpdate.Compare(b.NextUpdate), strings.Compare(a.Name, b.Name))
	})
	return life
}

// Line is the status in one line, in the manner of monitoring plug-ins.
func (s *Status) Line() string {
	state := "OK"
	switch {
	case s.Critical:
		state = "CRITICAL"
	case s.Warn:
		state = "WARNING"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %d entries, newest %s", state, s.Size, report.Stamp(s.Newest))
	if s.Expired > 0 {
		fmt.Fprintf(&b, "; %d expired", s.Expired)
	}
	if !s.First.IsZero() {
		fmt.Fprintf(&b, "; if nothing is signed any more, the first artifact expires at %s (in %v)",
			report.Stamp(s.First), s.First.Sub(s.Made).Truncate(time.Minute))
	}
	for _, t := range s.Targets {
		if t.Synced.IsZero() && t.Samples == 0 {
			fmt.Fprintf(&b, "; %s: nothing was ever sent", t.Name)
			continue
		}
		fmt.Fprintf(&b, "; %s: %d behind", t.Name, t.Behind)
		if t.Samples == 0 {
			b.WriteString(", no samples were taken")
			continue
		}
		fmt.Fprintf(&b, ", %d of %d samples good", t.Good, t.Samples)
	}
	b.WriteString(s.said())
	return b.String()
}

// WriteJSON writes the status as JSON.
func (s *Status) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}
