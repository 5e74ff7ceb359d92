package verify

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/sectiona"
	"seihon/verify/report"
)

// A progress is the file that lets an interrupted check go on. It is append-only text. The first line says which check
// it belongs to; a line "run TIME" begins each process, "at TIME" stands before and behind what was read between these
// times, and
//
//	ok SOURCE SHA256 SIZE NAME "TAG"
//
// is one object of a network copy that was read, equal to its master, and without any finding. A kill loses what was
// not synced yet, at most a second of work; a line without its end does not count.
//
// What is taken from the file is only that an object need not be fetched again. The log, the master and every signature
// are checked anew, so are pointers (checkpoint, generations) and whatever gave a finding. A record counts for a day,
// and, where a listing tells tags (S3's ETag, GCS' generation), only as long as its object still has the tag with which
// it was read.
type progress struct {
	now    func() time.Time
	logger *zap.Logger

	known []knownObject // of earlier runs, sorted
	runs  []report.ResumedRun
	left  []report.Estimate // what need not be read again, by source

	mu     sync.Mutex
	file   *os.File
	buf    []byte
	synced time.Time
	broken bool
}

// A knownObject is one record, in 16 bytes: a repository may have millions.
type knownObject struct {
	key [14]byte // the start of a SHA-256 over source, name and digest
	run uint16
}

const (
	progressFormat = "seihon/verify-progress/v1 "
	maxProgressAge = 24 * time.Hour
	maxRuns        = 1<<16 - 1
	syncEvery      = time.Second
	syncBytes      = 1 << 20
)

// A binding is what a progress file belongs to.
type binding struct {
	Origin   string            `json:"origin"`
	Size     int64             `json:"size"`
	Root     string            `json:"root"`
	Keys     []string          `json:"keys"`
	Rules    string            `json:"rules"`
	Strict   bool              `json:"strict"`
	Anchors  []artifact.Digest `json:"anchors"`
	Partners []artifact.Digest `json:"partners"`
	Words    []artifact.Digest `json:"override_keys"`
	Sources  []string          `json:"sources"`
}

func (c *checker) binding() binding {
	digests := func(certs []*x509.Certificate) []artifact.Digest {
		all := []artifact.Digest{}
		for _, cert := range certs {
			all = append(all, artifact.Sum(cert.Raw))
		}
		return all
	}
	b := binding{Origin: c.log.Origin(), Size: c.log.Size(), Root: c.log.Root().String(), Keys: c.log.Keys(),
		Rules: sectiona.Pack, Strict: c.Policy.Strict,
		Anchors: digests(c.Policy.Trust.Anchors()), Partners: digests(c.Policy.Trust.Partners())}
	for _, key := range c.OverrideKeys {
		b.Words = append(b.Words, artifact.Sum(key))
	}
	for _, p := range c.Copies {
		b.Sources = append(b.Sources, p.Source.Name())
	}
	return b
}

// openProgress reads the file of an earlier run, if there is one, and goes on behind its last whole line.
func (c *checker) openProgress(ctx context.Context, r *report.Report) error {
	if c.Resume == "" {
		return nil
	}
	header, err := json.Marshal(c.binding())
	if err != nil {
		return fmt.Errorf("describing the check: %w", err)
	}
	f, err := regular.OpenFile(c.Resume, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the progress file: %w", err)
	}
	p := &progress{now: c.Now, logger: c.Logger, file: f, synced: c.Now(), left: make([]report.Estimate, len(c.Copies))}
	c.resume, r.Resumed = p, &report.Resumed{Runs: []report.ResumedRun{}}
	in := bufio.NewReader(f)
	first, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the progress file: %w", err)
	}
	own := progressFormat + string(header) + "\n"
	end := int64(len(first))
	switch {
	case first == own:
		if end, err = p.load(in, end, c.stillThere(ctx), r.Resumed); err != nil {
			return fmt.Errorf("reading the progress file %q: %w", c.Resume, err)
		}
	case first == "" || strings.HasPrefix(own, first): // new, or killed while it was begun
		end = 0
	case !strings.HasPrefix(first, progressFormat):
		return fmt.Errorf("reading the progress file %q: it is another kind of file, which is left alone; name "+
			"another one", c.Resume)
	default:
		end, r.Resumed.Ignored = 0, c.otherCheck(first)
		c.Logger.Warn("the progress file is of another check; it is begun anew", zap.String("file", c.Resume),
			zap.String("reason", r.Resumed.Ignored))
	}
	err = f.Truncate(end)
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("going on in the progress file: %w", err)
	}
	if end == 0 {
		p.buf = append(p.buf, own...)
	}
	p.buf = append(p.buf, "run "+report.Stamp(c.Now())+"\n"...)
	p.sync()
	return nil
}

// otherCheck says what a progress file belongs to instead.
func (c *checker) otherCheck(first string) string {
	var b binding
	if json.Unmarshal([]byte(strings.TrimPrefix(first, progressFormat)), &b) != nil {
		return "its first line is damaged"
	}
	if b.Origin != c.log.Origin() || b.Size != c.log.Size() || b.Root != c.log.Root().String() {
		return fmt.Sprintf("it is of the checkpoint %s at %d entries, this one is %s at %d", b.Origin, b.Size,
			c.log.Origin(), c.log.Size())
	}
	return "it is of a check with other keys, rules, anchors or sources"
}

// stillThere returns which records of a source still count, as far as listings tell; nil for sources without one.
func (c *checker) stillThere(ctx context.Context) []func(name, tag string) bool {
	all := make([]func(name, tag string) bool, len(c.Copies))
	for i, p := range c.Copies {
		l, ok := p.Source.(*listed)
		if !ok {
			continue
		}
		var seen [][16]byte
		for o, err := range l.List(ctx) {
			if err != nil {
				seen = nil // the check itself reports that the listing cannot be read
				break
			}
			if o.Tag != "" {
				seen = append(seen, tagKey(o.Name, o.Tag))
			}
		}
		slices.SortFunc(seen, compare16)
		all[i] = func(name, tag string) bool {
			_, ok := slices.BinarySearchFunc(seen, tagKey(name, tag), compare16)
			return ok
		}
	}
	return all
}

func compare16(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

func tagKey(name, tag string) [16]byte {
	sum := sha256.Sum256([]byte(name + "\x00" + tag))
	return [16]byte(sum[:16])
}

func objectKey(source int, name string, d artifact.Digest) [14]byte {
	b := append(append(strconv.AppendInt(nil, int64(source), 10), 0), name...)
	sum := sha256.Sum256(append(append(b, 0), d[:]...))
	return [14]byte(sum[:14])
}

func compareKnown(a, b knownObject) int {
	return cmp.Or(bytes.Compare(a.key[:], b.key[:]), cmp.Compare(b.run, a.run)) // the newest run first
}

// load reads records up to the last whole line and returns where that ends.
func (p *progress) load(in *bufio.Reader, end int64, still []func(name, tag string) bool,
	r *report.Resumed) (int64, error) {
	var at time.Time
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // with what a kill left of a line
		}
		if err != nil {
			return 0, err
		}
		end += int64(len(line))
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch kind {
		case "run":
			if t, err := time.Parse(time.RFC3339, rest); err == nil {
				p.runs = append(p.runs, report.ResumedRun{From: t, Until: t})
			}
		case "at":
			if t, err := time.Parse(time.RFC3339, rest); err == nil && len(p.runs) > 0 {
				at, p.runs[len(p.runs)-1].Until = t, t
			}
		case "ok":
			if !p.record(rest, at, still) {
				r.Again++
			}
		}
	}
	slices.SortFunc(p.known, compareKnown)
	p.known = slices.CompactFunc(p.known, func(a, b knownObject) bool { return a.key == b.key })
	return end, nil
}

// record takes one line in, unless it does not count any more.
func (p *progress) record(rest string, at time.Time, still []func(name, tag string) bool) bool {
	f := strings.SplitN(rest, " ", 5)
	if len(f) != 5 || at.IsZero() || len(p.runs) > maxRuns || p.now().Sub(at) > maxProgressAge ||
		at.After(p.now().Add(5*time.Minute)) {
		return false
	}
	source, err1 := strconv.Atoi(f[0])
	d, err2 := artifact.ParseDigest(f[1])
	size, err3 := strconv.ParseInt(f[2], 10, 64)
	tag, err4 := strconv.Unquote(f[4])
	if errors.Join(err1, err2, err3, err4) != nil || source < 0 || source >= len(still) ||
		still[source] != nil && !still[source](f[3], tag) {
		return false
	}
	run := len(p.runs) - 1
	p.known = append(p.known, knownObject{objectKey(source, f[3], d), uint16(run)})
	p.left[source].Requests++
	p.left[source].Bytes += size
	return true
}

// take reports whether an earlier run read the object, and counts it.
func (p *progress) take(source int, name string, d artifact.Digest, size int64) bool {
	key := objectKey(source, name, d)
	i, ok := slices.BinarySearchFunc(p.known, key,
		func(k knownObject, key [14]byte) int { return bytes.Compare(k.key[:], key[:]) })
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	run := &p.runs[p.known[i].run]
	run.Objects++
	run.Bytes += size
	return true
}

// done records an object. What cannot be written only costs time the next time.
func (p *progress) done(source int, name string, d artifact.Digest, size int64, tag string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if len(p.buf) == 0 {
		p.buf = append(p.buf, "at "+report.Stamp(now)+"\n"...)
	}
	p.buf = fmt.Appendf(p.buf, "ok %d %s %d %s %q\n", source, d, size, name, tag)
	if len(p.buf) >= syncBytes || now.Sub(p.synced) >= syncEvery {
		p.sync()
	}
}

// sync brings whole lines to the disk in one write.
func (p *progress) sync() {
	p.synced = p.now()
	if p.broken || len(p.buf) == 0 {
		return
	}
	_, err := p.file.Write(append(p.buf, "at "+report.Stamp(p.synced)+"\n"...))
	p.buf = p.buf[:0]
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil {
		p.broken = true
		p.logger.Warn("the progress cannot be written; an interrupted check will begin earlier", zap.Error(err))
	}
}

// end ends the run. The file has served its purpose when nothing was found; otherwise it is kept, for going on.
func (p *progress) end(clean bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sync()
	err := p.file.Close()
	if clean {
		err = errors.Join(err, os.Remove(p.file.Name()))
	}
	if err != nil {
		p.logger.Warn("the progress file cannot be put away", zap.Error(err))
	}
}

// tagOf is what a store calls one version of an object: GCS' generation, S3's ETag, or any server's date.
func tagOf(h http.Header) string {
	if g := h.Get("X-Goog-Generation"); g != "" {
		return g
	}
	if e := strings.Trim(strings.TrimPrefix(h.Get("Etag"), "W/"), `"`); e != "" {
		return e
	}
	return h.Get("Last-Modified")
}

// taken reports whether an earlier run has read the object, equal to its master, and counts it as if it had been read
// now.
func (k *copyCheck) taken(name string, d artifact.Digest, size int64) bool {
	if k.resume == nil || !k.resume.take(k.index, name, d, size) {
		return false
	}
	k.requests.Add(1)
	k.objects.Add(1)
	k.bytes.Add(size)
	return true
}

// done records that the object was read, equal to its master and without any finding.
func (k *copyCheck) done(name string, d artifact.Digest, size int64, o *Object) {
	if k.resume != nil && o.Header != nil { // a folder costs nothing to read again
		k.resume.done(k.index, name, d, size, tagOf(o.Header))
	}
}

// summarize tells what was taken.
func (p *progress) summarize(r *report.Resumed) {
	for _, run := range p.runs {
		if run.Objects > 0 {
			r.Runs = append(r.Runs, run)
		}
	}
}
