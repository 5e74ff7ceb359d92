package verify

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path"
	"path/filepath"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
	"seihon/verify/report"
)

// annexRows writes what is current first, in the order of the names, then the files of the log itself, and last what
// was replaced or withdrawn, in the order of the log.
func (c *checker) annexRows(ctx context.Context, w *annexWriter) error {
	for line := range c.state.All() {
		if v := c.past.lineAt(line.Name, c.log.Size()); v != nil {
			c.annexVersion(w, v)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	c.annexCheckpoint(w)
	if err := c.annexFiles(ctx, w); err != nil {
		return err
	}
	for _, v := range c.past.versions {
		if !v.current {
			c.annexVersion(w, v)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil // the sheet keeps the first error of writing until its end
}

// annexVersion writes one line of the log: its master, and every copy that promises it.
func (c *checker) annexVersion(w *annexWriter, v *version) {
	row := report.AnnexRow{Object: v.Name, Kind: string(v.Kind), Number: numberOf(v), Entry: v.index, Size: v.Size,
		Recorded: v.Digest.String()}
	w.objects++
	w.row(c.masterRow(row, v))
	for _, k := range c.looked {
		if v.order < len(k.record.lines) && k.record.lines[v.order].how != report.NotPromised {
			w.row(k.versionRow(row, v))
		}
		for _, b := range k.record.bundles {
			if b.digest == v.Digest && v.current {
				w.row(k.bundleRow(row, b))
			}
		}
	}
}

// numberOf is the number of a list, generation or certificate, or the version of a document, which stands in its name.
func numberOf(v *version) string {
	if v.Number != "" || v.Kind != artifact.Document && v.Kind != artifact.DocumentSignature {
		return v.Number
	}
	if n, err := public.Parse(v.Name); err == nil {
		return documentVersion(n.Label)
	}
	return ""
}

// documentVersion is what follows the last hyphen of a document's label: 1.2 of cps-1.2.
func documentVersion(label string) string {
	if _, version, ok := cutLast(label, "-"); ok {
		return version
	}
	return ""
}

func (c *checker) masterRow(row report.AnnexRow, v *version) report.AnnexRow {
	r := c.past.byDigest[v.Digest][0].master
	row.Place = report.SourceMaster
	if r.how == report.NotPromised { // a single response is a member of a bundle; tier log reads none
		row.Outcome = report.NotRead.String()
		return row
	}
	full := c.log.BlobPath(v.Line)
	row.File, row.Read, row.Outcome = c.belowMaster(full), r.time(), r.how.String()
	switch r.how {
	case report.Equal:
		row.SHA256 = v.Digest.String()
		if v.Kind == artifact.OCSPBundle {
			row.Responses = responsesIn(full)
			row.ResponsesEqual = row.Responses
		}
	case report.Different:
		row.SHA256 = digestOf(full)
	default:
	}
	return row
}

// belowMaster is a path as somebody finds it who has the folder of the master.
func (c *checker) belowMaster(full string) string {
	dir := c.Master
	if c.mirror != "" {
		dir = c.mirror
	}
	rel, err := filepath.Rel(dir, full)
	if err != nil {
		return full
	}
	return filepath.ToSlash(rel)
}

// responsesIn reads how many responses a bundle has, which the check of the bundle compared with its content.
func responsesIn(file string) int64 {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	h, err := readHead(f)
	if err != nil {
		return 0
	}
	return int64(h.count)
}

// digestOf hashes a damaged master once more, to name what is there.
func digestOf(file string) string {
	f, err := openFile(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return artifact.Digest(h.Sum(nil)).String()
}

func (k *copyCheck) versionRow(row report.AnnexRow, v *version) report.AnnexRow {
	r := k.record.lines[v.order]
	row.Place, row.File, row.Read, row.Outcome = k.src.Name(), v.Name, r.time(), r.how.String()
	switch r.how {
	case report.NotRead:
		row.Read = ""
	case report.Equal, report.EqualEarlier:
		row.SHA256 = v.Digest.String()
	case report.Different:
		if d, ok := k.record.others[v.order]; ok {
			row.SHA256 = d.String()
		}
	default:
	}
	return row
}

// bundleRow sums up the single responses that stand for one bundle.
func (k *copyCheck) bundleRow(row report.AnnexRow, b *bundleReading) report.AnnexRow {
	row.Place, row.Read, row.Responses, row.ResponsesEqual = k.src.Name(), b.time(), b.total.Load(), b.equal.Load()
	row.Outcome = report.Equal.String()
	if row.Responses != row.ResponsesEqual {
		row.Outcome = report.Different.String()
	}
	if k.Tier == report.TierList {
		row.Outcome = report.SizeOnly.String()
	}
	return row
}

// annexCheckpoint writes the signed heads: they differ from place to place by who signed them and when.
func (c *checker) annexCheckpoint(w *annexWriter) {
	head := c.log.Checkpoint()
	sum := artifact.Sum(head).String()
	row := report.AnnexRow{Object: public.Checkpoint, Kind: string(artifact.Checkpoint), Number: itoa(c.log.Size()),
		Entry: -1, Size: int64(len(head)), Recorded: sum,
		Place: report.SourceMaster, File: public.Checkpoint, SHA256: sum, Outcome: report.Signed.String()}
	w.objects++
	if c.mirror == "" {
		w.row(row)
	}
	for _, k := range c.looked {
		if f := k.record.checkpoint; f != nil {
			w.row(k.fileRow(f))
		}
	}
}

// annexFiles writes the files of the log itself. A manifest of the master is compressed there, and has no line for that
// reason: its name is its digest.
func (c *checker) annexFiles(ctx context.Context, w *annexWriter) error {
	for f, err := range c.log.PublicFiles(ctx, 0, c.log.Size()) {
		if err != nil {
			break // the log's own findings say why
		}
		w.objects++
		if f.Kind != artifact.Manifest && c.mirror == "" {
			w.row(tileRow(f))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, k := range c.looked {
		for i := range k.record.files {
			if f := &k.record.files[i]; f.name != "" {
				w.row(k.fileRow(f))
			}
		}
	}
	return ctx.Err()
}

func tileRow(f ledger.File) report.AnnexRow {
	return report.AnnexRow{Object: f.Name, Kind: string(f.Kind), Entry: -1, Size: f.Size, Recorded: f.Digest.String(),
		Place: report.SourceMaster, File: f.Name, SHA256: f.Digest.String(), Outcome: report.Equal.String()}
}

func (k *copyCheck) fileRow(f *fileReading) report.AnnexRow {
	row := report.AnnexRow{Object: f.name, Kind: string(f.kind), Entry: -1, Size: f.size, Place: k.src.Name(),
		File: path.Clean(f.name), Read: f.time(), Outcome: f.how.String()}
	if !f.recorded.IsZero() {
		row.Recorded = f.recorded.String()
	}
	switch {
	case f.how == report.Equal || f.how == report.EqualEarlier:
		row.SHA256 = row.Recorded
	case !f.got.IsZero():
		row.SHA256 = f.got.String()
	}
	return row
}
