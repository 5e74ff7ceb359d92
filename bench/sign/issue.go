package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/bench/bar"
	"seihon/hsmsign/cert"
	"seihon/hsmsign/room"
	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/ledger"
)

// issueYAML is a repository whose log keys and RSA key are those of the token of the benchmark.
const issueYAML = `version: 1
repository: {name: bench.example, base_url: "http://bench.example"}
master: {directory: master, keys: [keys/log-1.vkey, keys/log-2.vkey]}
trust: {anchors: [rsa2048.cer, p256.cer]}
signer: {module: %s, token: %s, policy: trial, pin: {file: pin}, sessions: %d, inventory: inventory.db, log_keys: [p256, ed25519]}
issuers:
  - &ca
    name: rsa2048
    subject: {country: JP, organization: Benchmark, common_name: rsa2048}
    validity: 10y
    key: {algorithm: rsa2048, label: rsa2048}
    crl: {validity: 3d, refresh: 1d}
    ocsp: {validity: 3d, refresh: 1d}
    subscribers: {validity: 1y}
  - <<: *ca
    name: p256
    subject: {country: JP, organization: Benchmark, common_name: p256}
    key: {algorithm: p256, label: issuing}
`

// committedCost is how much longer a batch may take when the log commits to it first.
const committedCost = 1.05

// issueCost is what a batch took.
type issueCost struct {
	Wall, CPU float64 // seconds
}

// issuePart makes a signing room and compares issuing with and without the commitment.
func issuePart(ctx context.Context, s settings) ([]bar.Bar, error) {
	if err := makeRoom(ctx, s); err != nil {
		return nil, fmt.Errorf("preparing the room: %w", err)
	}
	fmt.Printf("\n%-48s %10s %10s   a batch of %d certificates, %d sessions, SoftHSM; median of %d rounds\n", "issuing",
		"seconds", "CPU s", s.batch, s.sessions, s.rounds)
	var bars []bar.Bar
	for _, algorithm := range []string{"rsa2048", "p256"} {
		wall, cpu := map[string][]float64{}, map[string][]float64{}
		for range s.rounds {
			for _, c := range []string{"plain", "committed"} {
				r, err := measure(ctx, s, "issue/"+c+" "+algorithm)
				if err != nil {
					return nil, err
				}
				var cost issueCost
				if err := json.Unmarshal([]byte(r.out), &cost); err != nil {
					return nil, fmt.Errorf("reading what %s took: %w", c, err)
				}
				wall[c], cpu[c] = append(wall[c], cost.Wall), append(cpu[c], cost.CPU)
			}
		}
		for c, name := range map[string]string{"plain": "without a commitment",
			"committed": "as the room does, committed to first"} {
			fmt.Printf("%-48s %10.2f %10.2f\n", algorithm+", "+name, median(wall[c]), median(cpu[c]))
		}
		ours := ratio(wall["committed"], wall["plain"])
		fmt.Printf("%-48s %10.3f %10.3f\n", algorithm+", ratio", ours, ratio(cpu["committed"], cpu["plain"]))
		bars = append(bars, bar.AtMost("sign-issue-committed-"+algorithm, ours, committedCost))
	}
	return bars, nil
}

// makeRoom makes log, inventory and the certificates of the issuers, requests, and a second log and inventory for
// issuing without commitments.
func makeRoom(ctx context.Context, s settings) error {
	if err := makeToken(ctx, s); err != nil {
		return err
	}
	err := errors.Join(
		os.WriteFile(s.path("repository.yaml"), fmt.Appendf(nil, issueYAML, s.module, tokenLabel, s.sessions), 0o600),
		os.WriteFile(s.path("pin"), []byte(userPIN), 0o600))
	if err != nil {
		return err
	}
	conf, err := config.Load(s.path("repository.yaml"))
	if err != nil {
		return err
	}
	o := room.Options{Config: conf, Now: func() time.Time { return now }}
	if _, err := room.Init(ctx, o); err != nil {
		return err
	}
	if _, err := room.GenerateKeys(ctx, o, ""); err != nil {
		return err
	}
	r, err := room.Open(ctx, o)
	if err != nil {
		return err
	}
	for _, name := range []string{"rsa2048", "p256"} {
		c, issueErr := r.IssueCA(ctx, name)
		if issueErr == nil {
			issueErr = writePEM(s.path(name+".cer"), "CERTIFICATE", c.Raw)
		}
		err = errors.Join(err, issueErr)
	}
	_, commitErr := r.Commit(ctx, "benchmark")
	if err = errors.Join(err, commitErr, r.Close()); err != nil {
		return err
	}
	return errors.Join(makeRequests(s), makePlain(ctx, s, conf))
}

// makeRequests writes certificate requests for keys of their own.
func makeRequests(s settings) error {
	f, err := os.Create(s.path("requests"))
	if err != nil {
		return err
	}
	for n := range s.batch {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		subject := pkix.Name{Country: []string{"JP"}, Organization: []string{"Benchmark"},
			CommonName: fmt.Sprintf("subscriber %07d", n)}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err == nil {
			err = pem.Encode(f, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

func readRequests(s settings) (all [][]byte, err error) {
	rest, err := os.ReadFile(s.path("requests"))
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, block.Bytes)
	}
	return all, err
}

// issueChild measures one batch, from the requests to what the master has, without opening the room.
func issueChild(ctx context.Context, s settings, which string) error {
	var contender, algorithm string
	if _, err := fmt.Sscan(which, &contender, &algorithm); err != nil {
		return err
	}
	conf, err := config.Load(s.path("repository.yaml"))
	if err != nil {
		return err
	}
	requests, err := readRequests(s)
	if err != nil {
		return err
	}
	var cost issueCost
	if contender == "plain" {
		cost, err = issuePlain(ctx, s, conf, algorithm, requests)
	} else {
		cost, err = issueCommitted(ctx, conf, algorithm, requests)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(cost)
}

// took measures wall and processor time of a step.
func took(step func() error) (issueCost, error) {
	runtime.GC()
	var before, after syscall.Rusage
	begin := time.Now()
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	err = errors.Join(err, step())
	wall := time.Since(begin)
	err = errors.Join(err, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	seconds := func(r syscall.Rusage) float64 {
		return time.Duration(syscall.TimevalToNsec(r.Utime) + syscall.TimevalToNsec(r.Stime)).Seconds()
	}
	return issueCost{Wall: wall.Seconds(), CPU: seconds(after) - seconds(before)}, err
}

// issueCommitted is what `signer issue` does.
func issueCommitted(ctx context.Context, conf *config.Config, issuer string, requests [][]byte) (issueCost, error) {
	r, err := room.Open(ctx, room.Options{Config: conf, Now: func() time.Time { return now }})
	if err != nil {
		return issueCost{}, err
	}
	q := room.SubscriberRequests{Issuer: issuer, Reissue: true, Batch: len(requests)}
	for _, csr := range requests {
		q.CSRs = append(q.CSRs, room.CSR{Data: csr})
	}
	n := 0
	cost, err := took(func() error {
		job, err := r.Subscribers(ctx, q)
		if err != nil {
			return err
		}
		return job.Issue(ctx, func(int, room.Subscriber) error { n++; return nil })
	})
	if n != len(requests) {
		err = errors.Join(err, fmt.Errorf("issued %d of %d", n, len(requests)))
	}
	return cost, errors.Join(err, r.Close())
}

// A plainRoom does the same without commitments.
type plainRoom struct {
	issuer  string
	ca      *x509.Certificate
	key     crypto.Signer
	db      *inventory.DB
	log     *ledger.Writer
	profile *cert.Profile
	workers int
}

func plainInventory(ctx context.Context, s settings) (*inventory.DB, error) {
	return inventory.Open(ctx,
		inventory.Config{DSN: "sqlite:" + s.path("plain.db"), Now: func() time.Time { return now }})
}

// makePlain makes the second log and inventory.
func makePlain(ctx context.Context, s settings, conf *config.Config) error {
	tok, err := token.Open(ctx, tokenConfig(s))
	if err != nil {
		return err
	}
	log, err := createLog(ctx, s, tok)
	if err != nil {
		return errors.Join(err, tok.Close())
	}
	dir := log.Log().Dir()
	if err := errors.Join(log.Close(), tok.Close(), os.Rename(dir, s.path("plain"))); err != nil {
		return err
	}
	db, err := plainInventory(ctx, s)
	if err != nil {
		return err
	}
	for _, i := range conf.Issuers {
		ca, caErr := readCertificate(s.path(i.Name + ".cer"))
		if caErr == nil {
			caErr = db.AddIssuer(ctx,
				inventory.Issuer{Name: i.Name, Key: artifact.Sum(ca.RawSubjectPublicKeyInfo), Shards: i.OCSP.Shards})
		}
		err = errors.Join(err, caErr)
	}
	return errors.Join(err, db.Close())
}

// issuePlain issues a batch: the checks, the serials, the signatures, the records and the private master are those of
// the room.
func issuePlain(ctx context.Context, s settings, conf *config.Config, issuer string,
	requests [][]byte) (cost issueCost, err error) {
	p := &plainRoom{issuer: issuer, workers: workers(s)}
	if p.ca, err = readCertificate(s.path(issuer + ".cer")); err != nil {
		return cost, err
	}
	i := conf.Issuer(issuer)
	p.profile, _ = conf.Profile(i.Subscribers.Profile)
	tok, err := token.Open(ctx, tokenConfig(s))
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, tok.Close()) }()
	if p.key, err = tok.Signer(ctx, token.KeySpec{Label: i.Key.Label}); err != nil {
		return cost, err
	}
	if p.db, err = plainInventory(ctx, s); err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, p.db.Close()) }()
	signers, err := logSigners(ctx, tok)
	if err != nil {
		return cost, err
	}
	if p.log, err = ledger.OpenWriter(ctx, filepath.Clean(s.path("plain")), logConfig(signers)); err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, p.log.Close()) }()
	return took(func() error { return p.issue(ctx, requests) })
}

func (p *plainRoom) issue(ctx context.Context, requests [][]byte) error {
	if err := p.checkKeys(ctx, requests); err != nil {
		return err
	}
	prepared := make([]*cert.Prepared, len(requests))
	serials := make([][]byte, len(requests))
	err := p.each(len(requests), func(n int) error {
		number, err := cert.NewSerial()
		if err != nil {
			return err
		}
		if serials[n], err = inventory.SerialOf(number); err != nil {
			return err
		}
		prepared[n], err = cert.Prepare(ctx, cert.Request{
			Profile: p.profile, CSR: requests[n], Issuer: p.ca, Signer: p.key, Serial: number,
			Now:       func() time.Time { return now },
			NotBefore: now, NotAfter: now.AddDate(1, 0, 0),
			URLs: cert.URLs{CRL: []string{"http://bench.example/crl/ca.crl"},
				OCSP: []string{"http://bench.example/ocsp"}, CAIssuers: []string{"http://bench.example/cert/ca.cer"}},
		})
		return err
	})
	if err != nil {
		return err
	}
	if err := p.db.Reserve(ctx, p.issuer, serials...); err != nil {
		return err
	}
	rows := make([]inventory.Certificate, len(requests))
	err = p.each(len(requests), func(n int) error {
		der, err := prepared[n].Sign(ctx, p.key)
		if err != nil {
			return err
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		rows[n], err = inventory.FromX509(p.issuer, c, artifact.Parse(der).Kind)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.db.Record(ctx, rows...); err != nil {
		return err
	}
	if _, err := p.log.AppendPrivate(ctx, p.db.Journal(ctx)); err != nil {
		return err
	}
	if _, err := p.log.Commit(ctx); err != nil {
		return err
	}
	return p.db.MarkRecorded(ctx, p.log.Log().Origin(), inventory.Position{Size: p.log.Log().Size()})
}

// checkKeys looks for the keys among those of revoked certificates, as the room does.
func (p *plainRoom) checkKeys(ctx context.Context, requests [][]byte) error {
	keys := make([]artifact.Digest, len(requests))
	for n, raw := range requests {
		csr, err := x509.ParseCertificateRequest(raw)
		if err != nil {
			return err
		}
		keys[n] = artifact.Sum(csr.RawSubjectPublicKeyInfo)
	}
	for past, err := range p.db.RevokedWithKey(ctx, keys...) {
		if err != nil {
			return err
		}
		return fmt.Errorf("the key of certificate %x was revoked", past.Serial)
	}
	return nil
}

// each runs a step as parallel as the room does.
func (p *plainRoom) each(n int, step func(n int) error) error {
	var g errgroup.Group
	g.SetLimit(p.workers)
	for i := range n {
		g.Go(func() error { return step(i) })
	}
	return g.Wait()
}
