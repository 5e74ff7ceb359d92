package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"seihon/artifact"
	"seihon/internal/durable"
	"seihon/internal/regular"
	"seihon/verify/memory"
)

// What is kept between two runs, in one folder that one run at a time may use:
//
//	observed.json      for each address the list that was seen last, and for each responder what it last said of a certificate
//	lists/<sha256>     those lists
//	evidence/<sha256>  both lists of each contradiction, until there are maxEvidence files
//
// So the folder holds one list for each address. What nobody asked about for a year and more is forgotten.
const (
	indexFile    = "observed.json"
	listsDir     = "lists"
	evidenceDir  = "evidence"
	maxEvidence  = 64
	maxIndex     = 256 << 20
	keptFor      = 400 * 24 * time.Hour
	maxAnswers   = 200 // of one responder
	indexVersion = 1
)

// ErrLocked says that another run uses the folder.
var ErrLocked = errors.New("another run of observe is using the folder")

// A history is the folder, read. A nil one remembers nothing.
type history struct {
	dir    string
	unlock func()
	now    time.Time

	mu    sync.Mutex
	index index
}

type index struct {
	Version int                              `json:"version"`
	Lists   map[string]keptList              `json:"lists"`   // by address
	Answers map[string]map[string]keptAnswer `json:"answers"` // by the responder's address, and by CA and serial number
}

type keptList struct {
	Issuer string    `json:"issuer"`
	SHA256 string    `json:"sha256"`
	Seen   time.Time `json:"seen"` // when it was asked for last
}

type keptAnswer struct {
	Status     int       `json:"status"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Reason     int       `json:"reason"`
	ThisUpdate time.Time `json:"this_update"`
	Seen       time.Time `json:"seen"`
}

// openHistory locks and reads the folder.
func openHistory(dir string, now time.Time) (h *history, err error) {
	if dir == "" {
		return nil, nil
	}
	for _, d := range []string{dir, filepath.Join(dir, listsDir), filepath.Join(dir, evidenceDir)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("making the folder for what is kept between runs: %w", err)
		}
	}
	lock := filepath.Join(dir, "lock")
	if err := regular.Check(lock); err != nil {
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	l := flock.New(lock, flock.SetFlag(os.O_CREATE|os.O_RDWR|regular.Nonblock))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	h = &history{dir: dir, unlock: func() { _ = l.Close() }, now: now}
	if err := h.read(); err != nil {
		h.unlock()
		return nil, fmt.Errorf("reading what an earlier run kept in %q: %w; keep the folder, and begin with a new one",
			dir, err)
	}
	return h, nil
}

func (h *history) read() error {
	f, err := regular.Open(filepath.Join(h.dir, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		kept, err := os.ReadDir(filepath.Join(h.dir, listsDir))
		if err == nil && len(kept) > 0 {
			err = fmt.Errorf("%s is gone, and lists are there", indexFile)
		}
		if err != nil {
			return err
		}
		h.index = index{Version: indexVersion, Lists: map[string]keptList{},
			Answers: map[string]map[string]keptAnswer{}}
		return h.write() // a run that is interrupted leaves lists, and an index that does not name them
	}
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &h.index); err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	if h.index.Version != indexVersion || h.index.Lists == nil || h.index.Answers == nil {
		return fmt.Errorf("%s is of version %d, this program knows version %d", indexFile, h.index.Version,
			indexVersion)
	}
	return nil
}

// compare holds a list against the one that was at its address in an earlier run, and remembers it unless it is older.
func (o *observer) compare(s *seen, g *Group) error {
	h := o.history
	if h == nil || s.issuer == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, known := h.index.Lists[s.Address]
	kept.Seen = h.now
	if known && kept.SHA256 == s.SHA256 {
		s.Previous = kept.SHA256
		h.index.Lists[s.Address] = kept
		return nil
	}
	if known && kept.Issuer == identity(s.issuer) {
		raw, err := regular.ReadFile(filepath.Join(h.dir, listsDir, kept.SHA256))
		if err == nil && artifact.Sum(raw).String() != kept.SHA256 {
			err = errors.New("it is damaged")
		}
		old, parsing := artifact.ParseRevocationList(derOf(raw))
		if err = errors.Join(err, parsing); err != nil {
			return fmt.Errorf("reading the list that an earlier run kept of %s: %w", s.Address, err)
		}
		s.Previous = kept.SHA256
		forward, contradicts := o.step(s, old, g)
		if contradicts {
			h.evidence(kept.SHA256, raw)
			h.evidence(s.SHA256, s.body)
		}
		if !forward {
			h.index.Lists[s.Address] = kept
			return nil
		}
	}
	if err := durable.WriteFile(filepath.Join(h.dir, listsDir, s.SHA256), s.body, 0o644); err != nil {
		return err
	}
	h.index.Lists[s.Address] = keptList{Issuer: identity(s.issuer), SHA256: s.SHA256, Seen: h.now}
	return nil
}

// step judges what became of a list. forward says that the new one is the newer; contradicts, that both are evidence.
func (o *observer) step(s *seen, old *artifact.RevocationList, g *Group) (forward, contradicts bool) {
	bad := func(code, severity, want, got string) {
		contradicts = contradicts || severity == ""
		o.add(Finding{Code: code, Severity: severity, Source: s.Address, Want: want, Got: got,
			Detail: fmt.Sprintf("an earlier run saw the list with SHA-256 %s", s.Previous)})
	}
	l, order := s.crl, s.ThisUpdate.Compare(old.ThisUpdate)
	numbered := l.Number != nil && old.Number != nil
	rises := 0
	if numbered {
		rises = l.Number.Cmp(old.Number)
	}
	switch {
	case numbered && rises == 0:
		bad("crl-number-reused", "", "other numbers for other lists", fmt.Sprintf("number %s again", s.Number))
		return order > 0, true
	case order < 0 && rises > 0:
		bad("crl-time-backwards", "", fmt.Sprintf("after %s", stamp(old.ThisUpdate)), stamp(s.ThisUpdate))
		return true, true
	case order > 0 && rises < 0:
		bad("crl-number-backwards", "", fmt.Sprintf("above %v", old.Number), s.Number)
		return true, true
	case order < 0 || rises < 0:
		bad(CodeWentBack, "error", fmt.Sprintf("from %s or later", stamp(old.ThisUpdate)), stamp(s.ThisUpdate))
		return false, false
	}
	if was, is, narrower := memory.Narrower(old, l); narrower {
		bad("memory-scope", "", was, is)
	}
	if s.kind == artifact.DeltaCRL && (old.BaseNumber == nil || l.BaseNumber.Cmp(old.BaseNumber) != 0) {
		return true, contradicts // it tells of another time
	}
	return true, o.unsaid(s, old, g) || contradicts
}

// unsaid names what the list does not say any more. Whether a certificate has expired cannot be seen from outside:
// where nothing tells, OCSP is asked.
func (o *observer) unsaid(s *seen, old *artifact.RevocationList, g *Group) (found bool) {
	told := map[string]int{}
	err := memory.Between(old, s.crl, func(d memory.Difference) {
		code := "memory-changed"
		switch {
		case d.Gone && s.kind == artifact.DeltaCRL:
			code = "memory-delta"
		case d.Gone && mustStay(d.Serial, s, old, g):
			code = "memory-vanished"
		case d.Gone:
			s.gone = append(s.gone,
				artifact.RevokedEntry{Serial: bytes.Clone(d.Serial), Time: timeIn(d.Was), Reason: -1})
			return
		}
		found = true
		if told[code]++; told[code] <= perKind {
			o.add(Finding{Code: code, Source: s.Address, Want: d.Was, Got: d.Now,
				Detail: fmt.Sprintf("serial number %x", d.Serial)})
		}
	})
	if err != nil {
		o.add(Finding{Code: CodeForm, Source: s.Address, Detail: err.Error()})
	}
	for code, n := range told {
		if n > perKind {
			o.add(Finding{Code: code, Source: s.Address, Detail: fmt.Sprintf("%d more serial numbers", n-perKind)})
		}
	}
	if more := len(s.gone) - maxGone; len(s.gone) > 0 && (len(g.Responders) == 0 || more > 0) {
		f := Finding{Code: CodeLeft, Source: s.Address,
			Detail: fmt.Sprintf("%d entries left the list, the first with serial number %x, and OCSP was not asked",
				len(s.gone), s.gone[0].Serial)}
		if len(g.Responders) > 0 {
			f.Severity, f.Detail = "note",
				fmt.Sprintf("%d entries left the list, OCSP was asked about %d of them", len(s.gone), maxGone)
		}
		o.add(f)
	}
	return found
}

// mustStay reports whether an entry may not leave a list yet: the certificate is at hand and had not expired (RFC 5280
// section 3.3), or the list keeps what has expired.
func mustStay(serial []byte, s *seen, old *artifact.RevocationList, g *Group) bool {
	if !old.ExpiredCertsOnCRL.IsZero() || !s.crl.ExpiredCertsOnCRL.IsZero() {
		return true
	}
	for _, c := range g.Certificates {
		if bytes.Equal(serialOf(c), serial) && !c.NotAfter.Before(s.ThisUpdate) {
			return true
		}
	}
	return false
}

// timeIn reads the time out of the words of an override.
func timeIn(was string) time.Time {
	fields := strings.Fields(was)
	if len(fields) < 2 {
		return time.Time{}
	}
	t, _ := time.Parse("20060102T150405Z", fields[1])
	return t
}

// evidence keeps a list that contradicts another, while there is room.
func (h *history) evidence(sum string, raw []byte) {
	dir := filepath.Join(h.dir, evidenceDir)
	if all, err := os.ReadDir(dir); err != nil || len(all) >= maxEvidence {
		return
	}
	_ = durable.WriteFile(filepath.Join(dir, sum), raw, 0o644) // the finding is told all the same
}

// answered holds what a responder says against what it said in an earlier run, and remembers it.
func (h *history) answered(t *telling, q *question, answers []*answer) {
	if h == nil || q.about == aboutNever || q.about == aboutGone {
		return
	}
	var last *answer
	for _, a := range answers {
		if a.single != nil && (last == nil || a.single.ThisUpdate.After(last.single.ThisUpdate)) {
			last = a
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.index.Answers[t.address]
	if of == nil {
		of = map[string]keptAnswer{}
		h.index.Answers[t.address] = of
	}
	s := last.single
	key := fmt.Sprintf("%s %x", identity(t.ca), q.serial)
	was, known := of[key]
	switch {
	case !known:
	case s.ThisUpdate.Before(was.ThisUpdate):
		t.add(last, Finding{Code: CodeWentBack, Severity: "warning", Want: fmt.Sprintf("from %s or later",
			stamp(was.ThisUpdate)), Got: stamp(s.ThisUpdate)})
		return
	case was.Status == artifact.StatusRevoked && was.Reason != reasonHold && s.Status != artifact.StatusRevoked:
		t.add(last, Finding{Code: "memory-answer", Want: fmt.Sprintf("revoked at %s, reason %d", stamp(was.RevokedAt),
			was.Reason), Got: last.says})
	case was.Status == artifact.StatusRevoked && was.Reason != reasonHold &&
		(!was.RevokedAt.Equal(s.RevokedAt) || was.Reason != max(s.Reason, 0)):
		t.add(last,
			Finding{Code: "memory-changed",
				Want: fmt.Sprintf("revoked at %s, reason %d", stamp(was.RevokedAt), was.Reason),
				Got:  fmt.Sprintf("revoked at %s, reason %d", stamp(s.RevokedAt), max(s.Reason, 0))})
	}
	of[key] = keptAnswer{Status: s.Status, RevokedAt: s.RevokedAt, Reason: max(s.Reason, 0), ThisUpdate: s.ThisUpdate,
		Seen: h.now}
	for len(of) > maxAnswers {
		forgetOldest(of)
	}
}

func forgetOldest(of map[string]keptAnswer) {
	oldest := ""
	for k, a := range of {
		if oldest == "" || a.Seen.Before(of[oldest].Seen) {
			oldest = k
		}
	}
	delete(of, oldest)
}

func (h *history) write() error {
	raw, err := json.MarshalIndent(h.index, "", " ")
	if err != nil {
		return fmt.Errorf("writing what is kept for the next run: %w", err)
	}
	return durable.WriteFile(filepath.Join(h.dir, indexFile), raw, 0o644)
}

// save writes the index of the lists, which are there already, and removes those that it does not name any more.
func (h *history) save() error {
	if h == nil {
		return nil
	}
	named := map[string]bool{}
	for address, k := range h.index.Lists {
		if h.now.Sub(k.Seen) > keptFor {
			delete(h.index.Lists, address)
			continue
		}
		named[k.SHA256] = true
	}
	for address, of := range h.index.Answers {
		for key, a := range of {
			if h.now.Sub(a.Seen) > keptFor {
				delete(of, key)
			}
		}
		if len(of) == 0 {
			delete(h.index.Answers, address)
		}
	}
	if err := h.write(); err != nil {
		return err
	}
	all, err := os.ReadDir(filepath.Join(h.dir, listsDir))
	for _, f := range all {
		if !named[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(h.dir, listsDir, f.Name())))
		}
	}
	return err
}
