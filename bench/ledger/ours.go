package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"

	"golang.org/x/mod/sumdb/note"
)

// keys makes the two signers of a log.
func keys(origin string) ([]note.Signer, *ledger.Verifier, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	a, err := ledger.NewNoteSigner(origin, ec)
	if err != nil {
		return nil, nil, err
	}
	b, err := ledger.NewNoteSigner(origin, ed)
	if err != nil {
		return nil, nil, err
	}
	v, err := ledger.NewVerifier(origin, a.String(), b.String())
	return []note.Signer{a, b}, v, err
}

func (b *bench) create(ctx context.Context, name string) (string, ledger.WriterConfig, *ledger.Writer, error) {
	signers, v, err := keys("bench/" + name)
	if err != nil {
		return "", ledger.WriterConfig{}, nil, err
	}
	c := ledger.WriterConfig{Origin: "bench/" + name, Signers: signers, Verifier: v}
	dir := filepath.Join(b.dir, name)
	w, err := ledger.Create(ctx, dir, c)
	return dir, c, w, err
}

// responses gives n lines as a daily refresh in the objects layout has them:
// random 16-byte serials, sorted, one issuer.
func responses(n int, day int) iter.Seq2[ledger.Line, error] {
	start := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	issuer := fmt.Sprintf("%x", sha256.Sum256([]byte("issuer")))[:40]
	return func(yield func(ledger.Line, error) bool) {
		for i := range n {
			// Serials are random and in order: the upper bits count, the others are
			// a hash. The digest is of something else, so that nothing repeats.
			var serial [16]byte
			h := sha256.Sum256(fmt.Appendf(nil, "serial %d", i))
			copy(serial[4:], h[:])
			binary.BigEndian.PutUint32(serial[:4], uint32(uint64(i)*(1<<31)/uint64(n)))
			s := fmt.Sprintf("%x", serial)
			d := artifact.Sum(fmt.Appendf(nil, "response %d of day %d", i, day))
			l := ledger.Line{Name: "ocsp/s1/" + issuer + "/" + s, Kind: artifact.OCSPResponse, Digest: d, Size: 471,
				NotBefore: start, NotAfter: start.AddDate(0, 0, 7), Issuer: "sub", Number: s}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// batch measures one signing run of n artifacts.
func (b *bench) batch(ctx context.Context) error {
	fmt.Printf("\nour writer, one batch of %d artifacts\n", b.n)
	lines := make([]ledger.Line, 0, b.n)
	for l := range responses(b.n, 0) {
		lines = append(lines, l)
	}
	for i := 1; i < len(lines); i++ { // two counters may round to one
		if lines[i].Name <= lines[i-1].Name {
			return fmt.Errorf("line %d is out of order", i)
		}
	}
	var times []float64
	var used time.Duration
	var size int64
	var dir string
	var v *ledger.Verifier
	for round := range 3 {
		d, c, w, err := b.create(ctx, fmt.Sprint("batch", round))
		if err != nil {
			return err
		}
		start, cpu := time.Now(), cpuTime()
		if _, err := w.AppendSorted(ctx, func(yield func(ledger.Line, error) bool) {
			for _, l := range lines {
				if !yield(l, nil) {
					return
				}
			}
		}, "bench"); err != nil {
			return err
		}
		if _, err := w.Commit(ctx); err != nil {
			return err
		}
		times = append(times, time.Since(start).Seconds())
		used = cpuTime() - cpu
		size, _ = usage(d)
		if err := w.Close(); err != nil {
			return err
		}
		dir, v = d, c.Verifier
	}
	t := middle(times)
	b.row("append and commit", fmt.Sprintf("%.2fs", t), fmt.Sprintf("%.2fs of CPU; runs %.2f", used.Seconds(), times))
	b.row("on disk", mib(size), fmt.Sprintf("%.1f bytes an artifact", float64(size)/float64(b.n)))
	b.bar("batch-seconds", t, "<=", 3)
	b.bar("batch-bytes", float64(size), "<=", 60<<20)
	return b.lookup(ctx, dir, v, lines)
}

func middle(ts []float64) float64 {
	ts = append([]float64(nil), ts...)
	for i := range ts {
		for j := i; j > 0 && ts[j] < ts[j-1]; j-- {
			ts[j], ts[j-1] = ts[j-1], ts[j]
		}
	}
	return ts[len(ts)/2]
}

// lookup measures the state: replay, index, one name, one proof.
func (b *bench) lookup(ctx context.Context, dir string, v *ledger.Verifier, lines []ledger.Line) error {
	l, err := ledger.Open(ctx, dir, v)
	if err != nil {
		return err
	}
	t, err := median(3, func() error { _, err := l.Replay(ctx, l.Size()); return err })
	if err != nil {
		return err
	}
	b.row("replay the whole state", round(t), "")
	t, err = median(1, func() error { return l.UpdateIndex(ctx) })
	if err != nil {
		return err
	}
	l = l.UseIndex()
	i, err := os.Stat(filepath.Join(dir, "index.db"))
	if err != nil {
		return err
	}
	b.row("build the index", round(t), mib(i.Size()))
	at := 0
	t, err = median(1001, func() error {
		at = (at + 7919*101) % len(lines)
		_, _, err := l.Lookup(ctx, lines[at].Name)
		return err
	})
	if err != nil {
		return err
	}
	b.row("current line of a name", round(t), "from the index")
	b.bar("lookup-milliseconds", float64(t.Microseconds())/1000, "<=", 1)
	var proof []byte
	t, err = median(3, func() (err error) { proof, err = l.Prove(ctx, lines[at].Name); return err })
	if err != nil {
		return err
	}
	b.row("make a proof", round(t), fmt.Sprintf("%d bytes", len(proof)))
	t, err = median(101, func() error { _, _, err := ledger.VerifyProof(proof, v); return err })
	if err != nil {
		return err
	}
	b.row("verify a proof", round(t), "offline, with the keys alone")
	return nil
}

// receipt is a typical entry of a publication log.
func receipt(i int) *ledger.Entry {
	d := artifact.Sum(binary.BigEndian.AppendUint64(nil, uint64(i)))
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	return &ledger.Entry{Time: at,
		Publish: &ledger.Publish{Target: "s3", MasterSize: int64(i), Receipts: []ledger.Receipt{
			{Op: "put", Name: fmt.Sprintf("crl/sub/%d.crl", i), Kind: artifact.CRL, Digest: d, Size: 1234,
				ETag: d.String()[:32], Time: at}}}}
}

// log measures a log of n entries.
func (b *bench) log(ctx context.Context) error {
	fmt.Printf("\nour writer, one entry for each of %d artifacts (375 bytes or so each)\n", b.n)
	dir, c, w, err := b.create(ctx, "log")
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range b.n {
		if err := w.Append(ctx, receipt(i)); err != nil {
			return err
		}
	}
	encoded := time.Since(start)
	if _, err := w.Commit(ctx); err != nil {
		return err
	}
	size, files := usage(dir)
	b.row("append and commit all", round(time.Since(start)),
		fmt.Sprintf("encoding %v; %s, %d files", round(encoded), mib(size), files))
	t, err := median(21, func() error {
		if err := w.Append(ctx, receipt(0)); err != nil {
			return err
		}
		_, err := w.Commit(ctx)
		return err
	})
	if err != nil {
		return err
	}
	b.row("one more entry", round(t), "durable, signed twice")
	b.bar("one-more-entry-milliseconds", float64(t.Microseconds())/1000, "<=", 60)
	if err := w.Close(); err != nil {
		return err
	}
	t, err = median(11, func() error { return openAppendClose(ctx, dir, c) })
	if err != nil {
		return err
	}
	b.row("open, one more entry, close", round(t), "as a cron job does")
	l, err := ledger.Open(ctx, dir, c.Verifier)
	if err != nil {
		return err
	}
	t, err = median(11, func() error { _, err := ledger.Open(ctx, dir, c.Verifier); return err })
	if err != nil {
		return err
	}
	b.row("open for reading", round(t), "checkpoint verified, right edge checked")
	cpu := cpuTime()
	t, err = median(3, func() error {
		got, err := ledger.Check(ctx, dir, c.Verifier,
			ledger.CheckConfig{Now: func() time.Time { return time.Now().AddDate(1, 0, 0) }})
		for _, f := range got {
			if f.Severity == ledger.SeverityError {
				return fmt.Errorf("%v", f)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	b.row(fmt.Sprintf("full check of %d entries", l.Size()), round(t),
		fmt.Sprintf("every byte of entries and tiles, every rule; %.2fs of CPU", (cpuTime()-cpu).Seconds()/3))
	b.bar("full-check-seconds", t.Seconds(), "<=", 3)
	return nil
}

func openAppendClose(ctx context.Context, dir string, c ledger.WriterConfig) error {
	w, err := ledger.OpenWriter(ctx, dir, c)
	if err != nil {
		return err
	}
	if err := w.Append(ctx, receipt(0)); err != nil {
		return err
	}
	if _, err := w.Commit(ctx); err != nil {
		return err
	}
	return w.Close()
}

// year simulates a year of daily refreshes of n certificates in the bundle
// layout: 256 shards, each day a bundle for every shard, a generation and a
// CRL. The bundles' bytes are not the ledger's and are left out.
func (b *bench) year(ctx context.Context) error {
	const shards = 256
	fmt.Printf("\na year of daily refreshes of %d certificates, bundle layout (%d shards)\n", b.n, shards)
	fmt.Printf("  %6s %8s %12s %12s %12s %12s %12s %12s\n", "day", "entries", "log bytes", "commit", "open", "proof",
		"replay", "index built")
	dir, c, w, err := b.create(ctx, "year")
	if err != nil {
		return err
	}
	var commit time.Duration
	for day := 1; day <= b.days; day++ {
		var lines []ledger.Line
		at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day)
		for s := range shards + 2 {
			name := fmt.Sprintf("ocsp/bundles/%02x", s)
			switch s {
			case shards:
				name = "ocsp/sub.generation"
			case shards + 1:
				name = "crl/sub.crl"
			}
			d := artifact.Sum(fmt.Appendf(nil, "%d %d", day, s))
			// Of the kind that has no file of its own: only the ledger is measured.
			lines = append(lines, ledger.Line{Name: name, Kind: artifact.OCSPResponse, Digest: d, Size: 1 << 20,
				NotBefore: at, NotAfter: at.AddDate(0, 0, 7), Issuer: "sub", Number: fmt.Sprint(day)})
		}
		start := time.Now()
		if _, err := w.AppendBatch(ctx, lines, ""); err != nil {
			return err
		}
		if _, err := w.Commit(ctx); err != nil {
			return err
		}
		commit = time.Since(start)
		if day == 1 || day == 7 || day == 30 || day == 90 || day == b.days {
			if err := b.yearRow(ctx, dir, c.Verifier, day, commit); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return b.objectsYear(ctx)
}

func (b *bench) yearRow(ctx context.Context, dir string, v *ledger.Verifier, day int, commit time.Duration) error {
	var l *ledger.Log
	open, err := median(5, func() (err error) { l, err = ledger.Open(ctx, dir, v); return err })
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "index.db")); err != nil && !os.IsNotExist(err) {
		return err
	}
	size, _ := usage(dir)
	replay, err := median(3, func() error { _, err := l.Replay(ctx, l.Size()); return err })
	if err != nil {
		return err
	}
	built, err := median(1, func() error { return l.UpdateIndex(ctx) })
	if err != nil {
		return err
	}
	proof, err := median(5, func() error { _, err := l.Prove(ctx, "crl/sub.crl"); return err })
	if err != nil {
		return err
	}
	fmt.Printf("  %6d %8d %12d %12v %12v %12v %12v %12v\n", day, l.Size(), size, round(commit), round(open),
		round(proof), round(replay), round(built))
	return nil
}

// objectsYear does the same for the objects layout, a line for every response,
// for three days, and computes the year from what a day adds.
func (b *bench) objectsYear(ctx context.Context) error {
	fmt.Printf("\nthe same in the objects layout (a line for every response)\n")
	fmt.Printf("  %6s %8s %12s %12s %12s %12s\n", "day", "entries", "log bytes", "commit", "open", "replay")
	dir, c, w, err := b.create(ctx, "objects")
	if err != nil {
		return err
	}
	defer w.Close()
	var size, before int64
	for day := 1; day <= 3; day++ {
		before = size
		start := time.Now()
		if _, err := w.AppendSorted(ctx, responses(b.n, day), ""); err != nil {
			return err
		}
		if _, err := w.Commit(ctx); err != nil {
			return err
		}
		commit := time.Since(start)
		var l *ledger.Log
		open, err := median(5, func() (err error) { l, err = ledger.Open(ctx, dir, c.Verifier); return err })
		if err != nil {
			return err
		}
		replay, err := median(1, func() error { _, err := l.Replay(ctx, l.Size()); return err })
		if err != nil {
			return err
		}
		size, _ = usage(dir)
		fmt.Printf("  %6d %8d %12d %12v %12v %12v\n", day, l.Size(), size, round(commit), round(open), round(replay))
	}
	fmt.Printf("  %s\n", strings.TrimSpace(fmt.Sprintf("a day adds %s; 365 such days are %.1f GiB (computed)",
		mib(size-before), float64(size-before)*365/(1<<30))))
	return nil
}
