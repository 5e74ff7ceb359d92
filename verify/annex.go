package verify

import (
	"context"
	"sync/atomic"
	"time"

	"seihon/artifact"
	"seihon/ledger"
)

// An Annex is where the itemised list of everything that was read goes: one line for each object and place, as CSV and as JSON
// Lines. Whoever has the same bytes derives each line again with sha256sum; docs/verify.en.md says how.
type Annex struct {
	CSV, Lines             Output
	UptimeCSV, UptimeLines Output // the observations of the record of operation, see UptimeRow; no File: nobody wants them
}

// An Output is a file to write, under the name by which the report cites it.
type Output struct {
	Name string
	File interface{ Write(p []byte) (int, error) }
}

// An AnnexSummary is what a report says of its annex.
type AnnexSummary struct {
	Objects  int64      `json:"objects"`  // of the log's whole time, and the files of the log itself
	Readings int64      `json:"readings"` // lines
	Equal    int64      `json:"equal"`    // of them, bytes that were read and are those that the log records
	Read     int64      `json:"read"`     // of them, bytes that were read
	CSV      Cited      `json:"csv"`
	Lines    Cited      `json:"json_lines"`
	First    []AnnexRow `json:"first"` // lines that the page shows

	Uptime *UptimeAnnex `json:"uptime,omitempty"` // when there is a record of operation
}

// annexShown is how many lines of the annex the page shows.
const annexShown = 200

// An AnnexRow is one object at one place.
type AnnexRow struct {
	Object   string `json:"object"`
	Kind     string `json:"kind"`
	Number   string `json:"number,omitempty"` // of a list, generation, certificate; the version of a document
	Entry    int64  `json:"entry"`            // of the log, that names it; -1 for files of the log itself
	Size     int64  `json:"size"`             // that the log records
	Recorded string `json:"recorded"`         // the SHA-256 that the log records
	Place    string `json:"place"`            // "master", or the source of a copy
	File     string `json:"file,omitempty"`   // below that place
	SHA256   string `json:"sha256,omitempty"` // of the bytes that were read there
	Read     string `json:"read,omitempty"`   // when, in UTC
	Outcome  string `json:"outcome"`

	Responses      int64 `json:"responses,omitempty"` // of an OCSP bundle
	ResponsesEqual int64 `json:"responses_equal,omitempty"`
}

// An outcome says what became of one object at one place. Its text is API.
type outcome uint8

const (
	notPromised outcome = iota // nothing is expected there
	notRead
	equal
	equalEarlier // read by an earlier run that was interrupted
	different
	missing
	unreadable
	sizeOnly
	signed // a checkpoint: no bytes are promised, its signatures and its tree were checked
)

var outcomeTexts = [...]string{"", "not-read", "equal", "equal-earlier", "different", "missing", "unreadable", "size-only", "signed"}

func (o outcome) String() string { return outcomeTexts[o] }

// A reading is one object at one place, in eight bytes: there is one for each object and place until the end of the check.
type reading struct {
	at  uint32 // seconds since 1970
	how outcome
}

// A sighting is what reading a copy's object gave.
type sighting struct {
	digest artifact.Digest // of the bytes that were read; zero when none were
	how    outcome
}

// reading is what was found, and when, if an annex is wanted.
func (c *checker) reading(how outcome) reading {
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
	return stamp(time.Unix(int64(r.at), 0))
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
			k.record.lines[v.order].how = notRead
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
	if s.how == different && !s.digest.IsZero() {
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
func (k *copyCheck) enterCheckpoint(b []byte, how outcome) {
	if k.Annex == nil {
		return
	}
	f := &fileReading{name: checkpointName, kind: artifact.Checkpoint, size: int64(len(b)), reading: k.reading(how)}
	if len(b) > 0 {
		f.got = artifact.Sum(b)
	}
	k.record.checkpoint = f
}

// enterMaster records what reading a master gave.
func (c *checker) enterMaster(g *group, how outcome) {
	if c.Annex != nil {
		g.first().master = c.reading(how)
	}
}

// writeAnnex writes the annex, after everything was read.
func (c *checker) writeAnnex(ctx context.Context, r *Report) error {
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
	r.Annex.Uptime, err = c.observations.finish()
	return err
}
