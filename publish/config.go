package publish

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.uber.org/zap"

	"seihon/ledger"
	"seihon/public"
	"seihon/publish/record"
	"seihon/sectiona"
)

// CheckpointName is the public name of the checkpoint.
const CheckpointName = public.Checkpoint

// A Layout says how OCSP responses lie on a target.
type Layout string

const (
	// Bundle publishes the bundles and their generation files, for a keyless
	// responder to look up.
	Bundle Layout = "bundle"

	// Objects publishes each response of the current bundles at
	// ocsp/<s1|s2>/<issuerKeyHash hex>/<serial hex>: no compute at all.
	Objects Layout = "objects"
)

// Only limits a sync.
type Only string

const (
	Everything Only = ""

	// Urgent publishes what tells relying parties of a revocation: CRLs, and
	// the OCSP responses. The checkpoint stays for the next full sync.
	Urgent Only = "urgent"
)

// TargetConfig is what a plan depends on beside the log.
type TargetConfig struct {
	Name    string        // unique; also the name of its lock file
	Layout  Layout        // default Bundle
	Cadence time.Duration // how often the room signs; bounds max-age; default 1 h
	Price   Price         // for the estimate; zero: no estimate
	Timeout time.Duration // of a whole sync; default Limits.TotalTimeout

	Aliases public.Aliases // further public names of artifacts

	Trial bool // it may show what a token on trial signed
}

func (c TargetConfig) withDefaults() TargetConfig {
	if c.Layout == "" {
		c.Layout = Bundle
	}
	if c.Cadence <= 0 {
		c.Cadence = time.Hour
	}
	return c
}

// Price is the list price of a provider, in US dollars.
type Price struct {
	PerPut float64 // one PUT, POST or LIST (class A)
	PerGet float64 // one GET or HEAD (class B)
}

// List prices as read on 2026-11-23: us regions, standard storage.
var (
	PriceS3  = Price{PerPut: 0.005 / 1e3, PerGet: 0.0004 / 1e3}
	PriceGCS = Price{PerPut: 0.005 / 1e3, PerGet: 0.0004 / 1e3}
	PriceR2  = Price{PerPut: 4.5 / 1e6, PerGet: 0.36 / 1e6}
)

// A Target is one place to publish to.
type Target struct {
	TargetConfig
	Store Store
}

// Limits bound what a sync asks of a target. The zero value means the defaults.
type Limits struct {
	MinWorkers     int           // concurrency to start with; default 32
	MaxWorkers     int           // and to grow to; default 512
	RequestTimeout time.Duration // one request; default 30 s, plus a second for each MiB
	TotalTimeout   time.Duration // one sync of one target; default 1 h
	Attempts       int           // tries of one request; default 6
	RetryBudget    int           // retries of one sync; default 100 plus a tenth of its requests
	Memory         int64         // bytes of objects held at once; default 16 MiB
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.MinWorkers, 32)
	def(&l.MaxWorkers, max(512, l.MinWorkers))
	def(&l.Attempts, 6)
	def(&l.RetryBudget, 100)
	if l.RequestTimeout <= 0 {
		l.RequestTimeout = 30 * time.Second
	}
	if l.TotalTimeout <= 0 {
		l.TotalTimeout = time.Hour
	}
	if l.Memory <= 0 {
		l.Memory = 16 << 20
	}
	return l
}

// Config is all that Sync needs.
type Config struct {
	Master  *ledger.Log
	Policy  *sectiona.Policy // admits each artifact; required
	Targets []Target

	// Publication is the log that receives receipts, refusals and findings.
	// Nil writes none.
	Publication *ledger.Writer

	// OverrideKeys are pinned: a change of what the master log said before passes
	// when one of them signed an override for it that is in the log.
	OverrideKeys []ed25519.PublicKey

	StateDir string // of the lock files; empty: no lock
	Only     Only
	Repair   bool // restore from the master what somebody changed
	Prune    bool // remove what the master log withdrew
	Limits   Limits

	Now      func() time.Time // nil: time.Now
	Logger   *zap.Logger      // nil: none
	Progress func(Progress)   // called at most ten times a second per target; may be nil

	random  func() float64       // jitter; tests set it
	onTrial func() (bool, error) // whether the room's newest verdict on its token says trial, once

	issuers func() error // adds the master's CA certificates to the trust set, once

	record func() (*record.Verdict, error) // holds the master against what it said before, once
}

// Progress is how far one target is.
type Progress struct {
	Target        string
	Done, Objects int
	Bytes, Total  int64
	Workers       int
}

var targetName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Validate reports every problem of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Master == nil {
		errs = append(errs, errors.New("no master log to publish from"))
	}
	if c.Policy == nil {
		errs = append(errs, errors.New("no section A policy: nothing may be published without one"))
	}
	if len(c.Targets) == 0 {
		errs = append(errs, errors.New("no target to publish to"))
	}
	if c.Only != Everything && c.Only != Urgent {
		errs = append(errs, fmt.Errorf("unknown limit %q: only %q is known", c.Only, Urgent))
	}
	seen := map[string]bool{}
	for _, t := range c.Targets {
		switch {
		case !targetName.MatchString(t.Name):
			errs = append(errs,
				fmt.Errorf("target name %q: want lower-case letters, digits, dot, dash and underscore, at most 63",
					t.Name))
		case seen[t.Name]:
			errs = append(errs, fmt.Errorf("two targets are called %q", t.Name))
		case t.Store == nil:
			errs = append(errs, fmt.Errorf("target %q has no store", t.Name))
		}
		if t.Layout != "" && t.Layout != Bundle && t.Layout != Objects {
			errs = append(errs,
				fmt.Errorf("target %q: unknown layout %q: want %q or %q", t.Name, t.Layout, Bundle, Objects))
		}
		seen[t.Name] = true
	}
	return errors.Join(errs...)
}
