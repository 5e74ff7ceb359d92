package memory

import (
	"context"
	"crypto/ed25519"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
)

// An Input is the history of a log and what is known beside it.
type Input struct {
	Lists       [][]Artifact          // each name's versions in the order of the log, without copies kept for history
	Generations [][]Artifact          // the same of OCSP generations
	Withdrawn   map[string]Withdrawal // the names of lists that are not current any more
	Statements  []Statement           // in the order of the log
	Overrides   []Override
	Keys        []ed25519.PublicKey // that may sign overrides

	Certificates []Certificate

	// Read gives the bytes of an artifact, checked against its digest. What cannot be read is left
	// out; that it is missing is for others to report.
	Read func(context.Context, Artifact) ([]byte, error)
	// BundlePath is the file of an OCSP bundle.
	BundlePath func(artifact.Digest) string
	// Issuer identifies the trusted CA that signed a list. Identities are of a name with a key.
	Issuer func(*artifact.RevocationList) (identity string, ok bool)
	// Named gives the identities that an issuer's name in the ledger ever had.
	Named func(name string) []string
	// Ends is when the newest certificate of an issuer expires.
	Ends func(identity string) time.Time

	Workers  int
	Progress func(done, total int64)
}

// A Withdrawal is when a name left the repository.
type Withdrawal struct {
	Index int64
	Time  time.Time
}

// A Memory is a check under way: Check walks the log, Known may then tell what an inventory knows,
// Faults gives the outcome.
type Memory struct {
	in    Input
	books *books

	mu      sync.Mutex
	tally   tally
	pending map[subject][]pendingFault

	lists, answers atomic.Int64
}

// A pendingFault is a revocation that is gone, whose certificate nobody has spoken of yet.
type pendingFault struct {
	fault  Fault
	serial string
	by     int64 // the certificate must have expired before
}

// New enters what stands in the log about expiry and overrides, and judges it.
func New(in Input) *Memory {
	m := &Memory{in: in, books: newBooks(in.Named), pending: map[subject][]pendingFault{}}
	for _, c := range in.Certificates {
		m.books.enterCertificate(c)
	}
	for _, s := range in.Statements {
		m.books.enterStatement(s, &m.tally)
	}
	for _, o := range in.Overrides {
		m.books.enterOverride(o, Judge(o, in.Keys), &m.tally)
	}
	return m
}

// Check compares every pair of neighbours. The error is only for a check that was interrupted.
func (m *Memory) Check(ctx context.Context) error {
	families, err := m.families(ctx)
	if err != nil {
		return err
	}
	var done atomic.Int64
	total := int64(len(families) + len(m.in.Generations))
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(max(m.in.Workers, 1))
	run := func(work func(context.Context) error) {
		g.Go(func() error {
			err := work(running)
			if m.in.Progress != nil {
				m.in.Progress(done.Add(1), total)
			}
			return err
		})
	}
	for _, f := range families {
		run(f.walk)
	}
	for _, versions := range m.in.Generations {
		run(func(ctx context.Context) error { return m.walkGenerations(ctx, versions) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return m.checkWithdrawn(ctx)
}

// Known tells the notAfter of a certificate from an inventory, and where it stands. It settles what
// the log alone left open, and holds statements against it.
func (m *Memory) Known(issuer string, serial []byte, notAfter time.Time, where string) {
	for _, id := range m.in.Named(issuer) {
		who := m.books.subject(id, serial)
		if s, ok := m.books.statements[who]; ok && s.notAfter != notAfter.Unix() {
			if _, judged := m.books.certs[who]; !judged {
				about := Artifact{Name: statementName(s.index, issuer), Index: s.index}
				f := falseStatement(about, s.notAfter, knownCertificate{notAfter.Unix(), where})
				m.tally.add(f, serialText(trimZero(serial)))
			}
		}
		waiting, ok := m.pending[who]
		if !ok {
			continue
		}
		delete(m.pending, who)
		for _, p := range waiting {
			if notAfter.Unix() >= p.by {
				m.tally.add(p.fault, p.serial)
			}
		}
	}
}

// Faults returns everything found, in the order of the log.
func (m *Memory) Faults() []Fault {
	for who, waiting := range m.pending {
		for _, p := range waiting {
			m.tally.add(p.fault, p.serial)
		}
		delete(m.pending, who)
	}
	return m.tally.sorted()
}

// Compared says how many lists and responses were compared with their predecessors.
func (m *Memory) Compared() (lists, answers int64) { return m.lists.Load(), m.answers.Load() }

// A step is one certificate between two artifacts.
type step struct {
	old, now Artifact
	issuer   string // identity
	serial   []byte
	was, is  standing
	by       int64 // gone is legal for a certificate that expired before
	isAnswer bool
}

// judge looks at a step and keeps the fault, if it is one.
func (m *Memory) judge(s step) {
	switch compare(s.was, s.is) {
	case gone:
		if s.isAnswer {
			m.unsaid(CodeAnswer, s)
			return
		}
		m.unsaid(CodeVanished, s)
	case altered:
		if !m.books.permitted(m.books.subject(s.issuer, s.serial), s) {
			m.fault(CodeChanged, s)
		}
	case fine:
	}
}

// unsaid judges a revocation that is said no longer.
func (m *Memory) unsaid(code string, s step) {
	who := m.books.subject(s.issuer, s.serial)
	expired, sure := m.books.expired(who, s.by, s.now.Index)
	if expired || m.books.permitted(who, s) {
		return
	}
	if sure {
		m.fault(code, s)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[who] = append(m.pending[who], pendingFault{s.fault(code), serialText(trimZero(s.serial)), s.by})
}

func (s step) fault(code string) Fault {
	return Fault{Code: code, Old: s.old, New: s.now, Was: s.was.String(), Now: s.is.String()}
}

func (m *Memory) fault(code string, s step) {
	m.add(s.fault(code), serialText(trimZero(s.serial)))
}

func (m *Memory) add(f Fault, serials ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.add(f, serials...)
}

// Statements says how many certificates the log states the expiry of.
func (m *Memory) Statements() int64 { return int64(len(m.in.Statements)) }
