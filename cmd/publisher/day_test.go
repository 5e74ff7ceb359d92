package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/ledger"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// A day is a publishing host on a clock that the test turns.
type day struct {
	*testing.T
	*host
	clock  time.Time
	random *rand.Rand
	taken  []*ledger.Probe
	runs   int
}

func newDay(t *testing.T, batch string) *day {
	t.Helper()
	raw, err := os.ReadFile("repository.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Two thousand rounds are synced to the disk one by one, which is no part of what is measured.
	dir, err := os.MkdirTemp("/dev/shm", "day-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "repository.yaml")
	if err := os.WriteFile(file,
		bytes.Replace(raw, []byte("publication:\n"), []byte("publication:\n  batch: "+batch+"\n"), 1),
		0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d := &day{T: t, clock: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(1, 2))}
	d.host = &host{conf: conf, logger: zap.NewNop(), now: func() time.Time { return d.clock }}
	return d
}

func (d *day) check(err error) {
	d.Helper()
	if err != nil {
		d.Fatalf("%s: %v", d.clock, err)
	}
}

// addresses are what a repository with a root, an issuing CA, delta lists, two documents and a responder is asked for.
var addresses = []string{
	"crl/root.crl", "crl/sub.crl", "crl/sub-delta.crl", "crl/root-arl.crl", "cert/root.cer", "cert/sub.cer",
	"docs/cps-1.0.pdf", "docs/cps-1.0.pdf.p7s",
	"index.html", "log/checkpoint", "ocsp#sub/first/sha256/GET", "ocsp#sub/first/sha1/POST",
	"ocsp#sub/middle/sha256/GET", "ocsp#root/first/sha256/GET",
}

// probe is a round such as one minute brings: the same answers as the minute before, mostly, in other times.
func (d *day) probe() {
	d.Helper()
	p := &ledger.Probe{Target: "tokyo", Vantage: "publishing host"}
	for i, a := range addresses {
		version := strconv.Itoa(d.clock.YearDay()*24 + d.clock.Hour()*((i+1)/10))
		s := ledger.Sample{URL: "https://repository.example/" + a,
			Time: d.clock.Add(time.Duration(d.random.IntN(2)) * time.Second), OK: true, Status: 200,
			Latency: time.Duration(3+d.random.IntN(90)) * time.Millisecond, Digest: artifact.Sum([]byte(a + version)),
			Version: version}
		if d.random.IntN(500) == 0 {
			s.OK, s.Status, s.Error, s.Digest, s.Version = false, 0, "context deadline exceeded", artifact.Digest{}, ""
		}
		p.Samples = append(p.Samples, s)
	}
	d.taken = append(d.taken, p)
	d.check(d.record(d.Context(), &ledger.Entry{Probe: p}))
}

// run is `publisher run`: a sync, which has something to send a few times a day, a probe, a verification.
func (d *day) run() {
	d.Helper()
	log, err := d.publication(d.Context())
	d.check(err)
	if d.runs%20 == 0 {
		receipts := []ledger.Receipt{}
		for _, a := range addresses[:10] {
			receipts = append(receipts, ledger.Receipt{Op: "put", Name: a, Kind: artifact.CRL,
				Digest: artifact.Sum([]byte(a)), Size: 900, ETag: `"0123456789abcdef0123456789abcdef"`, Time: d.clock})
		}
		d.check(log.Append(d.Context(),
			&ledger.Entry{Publish: &ledger.Publish{Target: "tokyo", MasterSize: int64(d.runs), Receipts: receipts}}))
		_, err = log.Commit(d.Context())
		d.check(err)
	}
	d.check(log.Close())
	d.runs++
	d.probe()
	d.check(d.record(d.Context(), &ledger.Entry{Verify: &ledger.Verify{Target: "all", MasterSize: int64(d.runs),
		OK: true, Objects: 14, Report: artifact.Sum([]byte(d.clock.String()))}}))
}

// pass lets time go by at the rhythm of the timers.
func (d *day) pass(length time.Duration) {
	d.Helper()
	for end := d.clock.Add(length); d.clock.Before(end); d.clock = d.clock.Add(time.Minute) {
		if d.clock.Minute()%5 == 2 {
			d.run()
		} else {
			d.probe()
		}
		if d.clock.Minute()%5 == 2 { // the timer of the probes does not wait for the run
			d.probe()
		}
	}
}

// kept is what stays of the log on the disk: partial tiles go when a tile is full, what waits when it is recorded.
func (d *day) kept() (files, size int64) {
	d.Helper()
	d.check(filepath.WalkDir(string(d.conf.Publication.Directory), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && (strings.HasSuffix(e.Name(), ".p") || e.Name() == "state") {
			return fs.SkipDir
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		files, size = files+1, size+info.Size()
		return err
	}))
	return files, size
}

// read gives all rounds of the log, and those that wait.
func (d *day) read() (all []*ledger.Probe, log *ledger.Log) {
	d.Helper()
	log, err := d.log(d.Context(), "publication")
	d.check(err)
	waiting, err := d.waiting().all()
	d.check(err)
	add := func(e *ledger.Entry) {
		for p := range e.Probes() {
			all = append(all, p)
		}
	}
	for e, err := range log.Entries(d.Context(), 0, log.Size()) {
		d.check(err)
		add(e)
	}
	for _, e := range waiting {
		add(e)
	}
	return all, log
}

// TestADayOfProbes holds what a day at the shipped rhythm leaves to its bounds and to the capacity table: at most 50
// files and 1 MiB. Every sample can be read again, the log is whole, and the record of operation misses nothing.
func TestADayOfProbes(t *testing.T) {
	d := newDay(t, "1h")
	d.pass(24 * time.Hour)
	files, size := d.kept()
	t.Logf("a day: %d files, %d KiB", files, size>>10)
	if files > 50 || size > 1<<20 {
		t.Errorf("a day leaves %d files and %d bytes, at most 50 and 1 MiB may be", files, size)
	}
	read, log := d.read()
	if !reflect.DeepEqual(read, d.taken) {
		t.Errorf("%d rounds are on record or wait, and are not the %d that were taken", len(read), len(d.taken))
	}
	v, err := d.publicationVerifier()
	d.check(err)
	findings, err := ledger.Check(t.Context(), string(d.conf.Publication.Directory), v, ledger.CheckConfig{Now: d.now})
	d.check(err)
	if len(findings) > 0 {
		t.Errorf("the log: %v", findings)
	}
	u, err := uptime.Measure(context.Background(),
		uptime.Config{Publication: log, From: d.clock.Add(-24 * time.Hour), To: d.clock, Now: d.clock,
			Every:   time.Minute,
			Targets: []uptime.Target{{Name: "tokyo", Addresses: []string{"https://repository.example"}}},
			Wait:    time.Hour})
	d.check(err)
	if u.Rounds.Expected != u.Rounds.Taken || u.Rounds.Taken < 23*60 || u.Known == nil ||
		u.Uncounted != (report.Uncounted{}) || len(u.Gaps) > 0 {
		t.Errorf("rounds %+v, known to %v, not counted %+v, gaps %v", u.Rounds, u.Known, u.Uncounted, u.Gaps)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	d.check(err)
	said := regexp.MustCompile(`\| publication log, a day \| (\d+) files, (\d+) KiB \|`).FindStringSubmatch(string(page))
	if want := fmt.Sprint(files, size>>10); said == nil || said[1]+" "+said[2] != want {
		t.Errorf("the capacity table of docs/operations.md says %v of a day; it has %d files, %d KiB", said, files,
			size>>10)
	}
}
