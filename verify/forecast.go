package verify

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
	"seihon/ledger"
)

// StatusSchema names the version of the JSON form of a Status.
const StatusSchema = "seihon/status/v1"

// A Status says how the repository stands and until when it holds if nothing is signed any more. It comes from the logs alone,
// without network and without reading artifacts, so it may be asked for every minute.
type Status struct {
	Schema    string         `json:"schema"`
	Made      time.Time      `json:"made"`
	Origin    string         `json:"origin"`
	Size      int64          `json:"size"`
	Newest    time.Time      `json:"newest_entry"`
	ShelfLife []ShelfLife    `json:"shelf_life"`
	Expired   int            `json:"expired"`
	First     time.Time      `json:"first_expiry"` // of a list or of OCSP responses; zero when there is none
	Targets   []TargetStatus `json:"targets"`
	Verified  time.Time      `json:"verified"` // the last verification without findings
	Warn      bool           `json:"warn"`
	Critical  bool           `json:"critical"`
}

// A TargetStatus says what the publication log knows of one target.
type TargetStatus struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size"` // of the master at the last sync
	Synced  time.Time `json:"synced"`
	Behind  int64     `json:"behind"` // entries
	Probed  time.Time `json:"probed"`
	Samples int       `json:"samples"` // of the last probe
	Good    int       `json:"good"`
}

// A StatusConfig says what NewStatus looks at.
type StatusConfig struct {
	Master      *ledger.Log
	Publication *ledger.Log   // nil: targets are not known
	Warn        time.Duration // before the first expiry; default 24 h
	Critical    time.Duration // default 6 h
	Now         func() time.Time
}

// NewStatus computes the status.
func NewStatus(ctx context.Context, c StatusConfig) (*Status, error) {
	if c.Warn <= 0 {
		c.Warn = 24 * time.Hour
	}
	if c.Critical <= 0 {
		c.Critical = 6 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	state, err := c.Master.State(ctx, c.Master.Size())
	if err != nil {
		return nil, fmt.Errorf("computing the status: %w", err)
	}
	s := &Status{Schema: StatusSchema, Made: c.Now().UTC().Truncate(time.Second), Origin: c.Master.Origin(), Size: c.Master.Size(), Newest: c.Master.Time(),
		ShelfLife: currentLife(state), Targets: []TargetStatus{}}
	for _, l := range s.ShelfLife {
		if artifact.Stale(l.NextUpdate, s.Made) {
			s.Expired++
		}
		if !artifact.Kind(l.Kind).IsCertificate() && (s.First.IsZero() || l.NextUpdate.Before(s.First)) {
			s.First = l.NextUpdate
		}
	}
	if c.Publication != nil {
		if err := s.readPublication(ctx, c.Publication); err != nil {
			return nil, fmt.Errorf("computing the status: %w", err)
		}
	}
	left := s.First.Sub(s.Made)
	s.Critical = s.Expired > 0 || !s.First.IsZero() && left < c.Critical
	s.Warn = s.Critical || !s.First.IsZero() && left < c.Warn || slices.ContainsFunc(s.Targets, func(t TargetStatus) bool { return t.Behind > 0 || t.Good < t.Samples })
	return s, nil
}

// currentLife lists until when the current lists, generations and CA certificates hold, the first to expire
// first: what would happen if the signing room stopped now. Archived lists are not expected to be current.
func currentLife(state *ledger.State) []ShelfLife {
	life := []ShelfLife{}
	for line := range state.All() {
		k := line.Kind
		if !k.IsRevocationList() && k != artifact.OCSPGeneration && !k.IsCertificate() || line.NotAfter.IsZero() || artifact.Final(line.NotAfter) {
			continue
		}
		if line.History {
			continue
		}
		life = append(life, ShelfLife{Name: line.Name, Kind: string(line.Kind), ThisUpdate: line.NotBefore, NextUpdate: line.NotAfter, Number: line.Number})
	}
	slices.SortStableFunc(life, func(a, b ShelfLife) int {
		return cmp.Or(a.NextUpdate.Compare(b.NextUpdate), strings.Compare(a.Name, b.Name))
	})
	return life
}

func (s *Status) readPublication(ctx context.Context, log *ledger.Log) error {
	targets := map[string]*TargetStatus{}
	of := func(name string) *TargetStatus {
		if targets[name] == nil {
			targets[name] = &TargetStatus{Name: name}
		}
		return targets[name]
	}
	for e, err := range log.Entries(ctx, 0, log.Size()) {
		switch {
		case err != nil:
			return err
		case e.Publish != nil:
			t := of(e.Publish.Target)
			t.Size, t.Synced = e.Publish.MasterSize, e.Time
		case e.Probe != nil:
			t := of(e.Probe.Target)
			t.Probed, t.Samples, t.Good = e.Time, len(e.Probe.Samples), 0
			for _, sample := range e.Probe.Samples {
				if sample.OK {
					t.Good++
				}
			}
		case e.Verify != nil && e.Verify.OK:
			s.Verified = e.Time
		}
	}
	for _, t := range targets {
		if !t.Synced.IsZero() {
			t.Behind = max(s.Size-t.Size, 0)
		}
		s.Targets = append(s.Targets, *t)
	}
	slices.SortFunc(s.Targets, func(a, b TargetStatus) int { return strings.Compare(a.Name, b.Name) })
	return nil
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
	fmt.Fprintf(&b, "%s - %d entries, newest %s", state, s.Size, stamp(s.Newest))
	if s.Expired > 0 {
		fmt.Fprintf(&b, "; %d expired", s.Expired)
	}
	if !s.First.IsZero() {
		fmt.Fprintf(&b, "; if nothing is signed any more, the first artifact expires at %s (in %v)", stamp(s.First), s.First.Sub(s.Made).Truncate(time.Minute))
	}
	for _, t := range s.Targets {
		fmt.Fprintf(&b, "; %s: %d behind", t.Name, t.Behind)
		if t.Samples == 0 {
			b.WriteString(", no samples were taken")
			continue
		}
		fmt.Fprintf(&b, ", %d of %d samples good", t.Good, t.Samples)
	}
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

// WritePrometheus writes the status as a node_exporter textfile.
func (s *Status) WritePrometheus(w io.Writer) error {
	var b strings.Builder
	gauge := func(name, help string) {
		fmt.Fprintf(&b, "# HELP seihon_%s %s\n# TYPE seihon_%s gauge\n", name, help, name)
	}
	gauge("log_entries", "Entries of the master log.")
	fmt.Fprintf(&b, "seihon_log_entries %d\n", s.Size)
	gauge("log_newest_seconds", "Time of the newest entry.")
	fmt.Fprintf(&b, "seihon_log_newest_seconds %d\n", unixOrZero(s.Newest))
	gauge("first_expiry_seconds", "When the first list or response expires if nothing is signed any more.")
	fmt.Fprintf(&b, "seihon_first_expiry_seconds %d\n", unixOrZero(s.First))
	gauge("expired", "Current artifacts that have expired.")
	fmt.Fprintf(&b, "seihon_expired %d\n", s.Expired)
	gauge("verified_seconds", "Last verification without findings.")
	fmt.Fprintf(&b, "seihon_verified_seconds %d\n", unixOrZero(s.Verified))
	gauge("next_update_seconds", "When an artifact expires.")
	for _, l := range s.ShelfLife {
		fmt.Fprintf(&b, "seihon_next_update_seconds{name=%q,kind=%q} %d\n", l.Name, l.Kind, unixOrZero(l.NextUpdate))
	}
	gauge("target_behind_entries", "Log entries that a target lacks.")
	for _, t := range s.Targets {
		fmt.Fprintf(&b, "seihon_target_behind_entries{target=%q} %d\n", t.Name, t.Behind)
	}
	gauge("target_good_samples_ratio", "Share of good samples of the last probe.")
	for _, t := range s.Targets {
		if t.Samples > 0 {
			fmt.Fprintf(&b, "seihon_target_good_samples_ratio{target=%q} %g\n", t.Name, float64(t.Good)/float64(t.Samples))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
