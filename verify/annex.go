package verify

import (
	"context"
	"sync/atomic"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// An Annex is where the itemised list of everything that was read goes: one line for each object and place, as CSV and
// as JSON Lines. Whoever has the same bytes derives each line again with sha256sum; docs/verify.en.md says how.
type Annex struct {
	CSV, Lines report.Output
	// the observations of the record of operation, see uptime.Row; no File: nobody wants them
	UptimeCSV, UptimeLines report.Output
}

// annexShown is how many lines of the annex the page shows.
const annexShown = 200

// A reading is one object at one place, in eight bytes: there is one for each object and place until the end of the
// check.
type reading struct {
	at  uint32 // seconds since 1970
	how report.Outcome
}

// A sighting is what reading a copy's object gave.
type sighting struct {
	digest artifact.Digest // of the bytes that were read; zero when none were
	how    report.Outcome
}

// reading is what was found, and when, if an annex is wanted.
func (c *checker) reading(how report.Outcome) reading {
	r := reading{how: how}
	if c.Annex != nil && !c.About.Now {
		r.at = uint32(c.Now().Unix())
	}
	return r
}

func (r reading) time() string {
	if r.at == 0 {
		return ""
	}
	return report.Stamp(time.Unix(int64(r.at), 0))
}

// A placeRecord is what the annex needs of one copy.
type placeRecord struct {
	lines      []reading               // by the order of the versions
	others     map[int]artifact.Digest // of lines that are different
	files      []fileReading           // of the log itself
	checkpoint *fileReading
	bundles    []*bundleReading // of a copy with single responses
}

// A fileReading is one file of the log on a copy.
type fileReading struct {
	name     string
	kind     artifact.Kind
	size     int64
	recorded artifact.Digest
	got      artifact.Digest
	reading
}

// A bundleReading counts the single responses that one bundle of the master promises.
type bundleReading struct {
	digest       artifact.Digest
	total, equal atomic.Int64
	reading
}

// expect marks what a copy promises; what is not drawn stays so.
func (k *copyCheck) expect(lines []ledger.Line) {
	if k.Annex == nil {
		return
	}
	k.record.lines = make([]reading, len(k.past.versions))
	for _, l := range lines {
		if v := k.past.lineAt(l.Name, k.size); v != nil {
			k.record.lines[v.order].how = report.NotRead
		}
	}
}

// enter records what reading one artifact gave.
func (k *copyCheck) enter(line ledger.Line, s sighting) {
	v := k.past.lineAt(line.Name, k.size)
	if k.Annex == nil || v == nil {
		return
	}
	r := k.reading(s.how)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.record.lines[v.order] = r
	if s.how == report.Different && !s.digest.IsZero() {
		if k.record.others == nil {
			k.record.others = map[int]artifact.Digest{}
		}
		k.record.others[v.order] = s.digest
	}
}

// enterFile records what reading one file of the log gave.
func (k *copyCheck) enterFile(i int, f ledger.File, s sighting) {
	if k.Annex == nil {
		return
	}
	r := fileReading{f.Name, f.Kind, f.Size, f.Digest, s.digest, k.reading(s.how)}
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.record.files) <= i {
		k.record.files = append(k.record.files, fileReading{})
	}
	k.record.files[i] = r
}

// enterCheckpoint records the checkpoint that a copy shows.
func (k *copyCheck) enterCheckpoint(b []byte, how report.Outcome) {
	if k.Annex == nil {
		return
	}
	f := &fileReading{name: public.Checkpoint, kind: artifact.Checkpoint, size: int64(len(b)), reading: k.reading(how)}
	if len(b) > 0 {
		f.got = artifact.Sum(b)
	}
	k.record.checkpoint = f
}

// enterMaster records what reading a master gave.
func (c *checker) enterMaster(g *group, how report.Outcome) {
	if c.Annex != nil {
		g.first().master = c.reading(how)
	}
}

// writeAnnex writes the annex, after everything was read.
func (c *checker) writeAnnex(ctx context.Context, r *report.Report) error {
	if c.Annex == nil {
		return nil
	}
	w := newAnnexWriter(c.Annex)
	if c.past != nil {
		if err := c.annexRows(ctx, w); err != nil {
			return err
		}
	}
	var err error
	if r.Annex, err = w.finish(); err != nil {
		return err
	}
	r.Annex.Uptime, err = c.observations.Finish()
	return err
}
