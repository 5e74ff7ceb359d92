package verify

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"runtime"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/ledger/timestamp"
	"seihon/ledger/witness"
	"seihon/public"
	"seihon/sectiona"
	"seihon/verify/report"
	"seihon/verify/uptime"
)

// The layouts in which OCSP responses are published.
const (
	LayoutBundle  = "bundle"
	LayoutObjects = "objects"
)

// A Copy is one public copy to check.
type Copy struct {
	Source Source
	Layout string // LayoutBundle or LayoutObjects; empty: found out from the copy
	// Responder is the address of the OCSP responder that answers for the copy; empty: it is not asked.
	Responder string
	Likely    string // the layout that the estimate assumes when Layout is empty; default LayoutBundle
}

// An Inventory is the signing room's book of certificates, exported. Each line says what relying parties should be
// told.
type Inventory interface {
	Lines(ctx context.Context) iter.Seq2[InventoryLine, error]
}

// An InventoryLine is one certificate.
type InventoryLine struct {
	Issuer    string    // the issuer's name in the ledger's lines
	Serial    []byte    // content octets of the DER INTEGER
	NotBefore time.Time // zero when the export does not say it
	NotAfter  time.Time
	Revoked   bool
	RevokedAt time.Time
	Reason    int // -1 when none was given

	Imported   bool        // it was not issued here
	Commitment *Commitment // nil: the export names none
}

// A Progress says how far a check is.
type Progress struct {
	Step  string // "log", "master", "responses" or the name of a copy
	Done  int64
	Total int64 // 0 when unknown
}

// A Config is all that Check needs.
type Config struct {
	// Master is the directory of the master or of its export, and Verifier its pinned keys. With TierLog it may be
	// empty: then the log is read from the public copies.
	Master   string
	Verifier *ledger.Verifier

	// Known are signed checkpoints that the auditor saw before, oldest first. The log must contain all of them.
	Known [][]byte

	// Publication is the directory of the publication log; empty when it is not looked at.
	Publication         string
	PublicationVerifier *ledger.Verifier
	PublicationKnown    [][]byte // its checkpoints that the auditor saw before, oldest first
	PublicationHead     []byte   // the checkpoint that the publishing host itself remembers; nil: it is not at hand

	// Targets are the places that the operator's configuration names; none: nobody knows them.
	Targets []uptime.Target

	// ProbeEvery is how often the public addresses were to be probed; 0: DefaultEvery.
	ProbeEvery time.Duration
	// ProbeWait is how long rounds wait on the publishing host to be recorded together.
	ProbeWait time.Duration

	// Samples are files, or folders of them, that outside vantages signed with keys of Vantages.
	Samples  []string
	Vantages []note.Verifier

	// Policy holds section A as the operator configured it. Its Trust must hold the pinned anchors and partners; the
	// CAs below them are taken from the master as far as they chain.
	Policy *sectiona.Policy

	Copies []Copy

	// BaseURL is the repository's public address, for the URLs inside certificates and lists; empty: they are not
	// followed.
	BaseURL  string
	OCSPPath string // of the responder below BaseURL; default "/ocsp"

	OtherURLs []string       // further addresses of the same names, without a slash at their end
	OCSPURLs  []string       // further addresses of the responder
	Aliases   public.Aliases // further names of artifacts; each must hold its artifact on every copy

	Inventory Inventory // nil: not compared

	// InventoryEmpty says that the inventory may lack every certificate of an issuer, or all of them.
	InventoryEmpty bool

	// OverrideKeys are pinned for overrides: a signed word in the log that lets exact changes to what was said pass. An
	// override that none of them signed counts for nothing.
	OverrideKeys []ed25519.PublicKey

	Tier   report.Tier // default TierFull
	Sample int         // number of names for TierSample; default 100
	Seed   uint32      // of the draw; who publishes must not know it beforehand

	CRLAge time.Duration // a list older than this is reported; 0: only its nextUpdate counts

	// Announce is told what reading the copies will cost at Price, before the first request; nil: nobody wants to know.
	Announce func([]report.Estimate)
	Price    Price

	// Resume is the file that keeps how far the network copies were read, for going on after an interruption; empty:
	// none. Only with TierFull.
	Resume string

	Workers  int              // default: four for each processor
	Proxy    *url.URL         // through which responders are asked; nil: none
	Now      func() time.Time // nil: time.Now
	Logger   *zap.Logger      // nil: none
	Progress func(Progress)   // called now and then, from one goroutine at a time; may be nil

	// Annex is where the itemised list of everything that was read goes; nil: nobody wants it. What is read is noted in
	// eight bytes for each object and place, and written as a stream at the end.
	Annex *Annex

	// About goes into the report.
	About report.About

	// Tolerated is what the caller passed over in the auditor's own files.
	Tolerated []Tolerated

	// Timestamps are the pinned authorities of RFC 3161 tokens; none: tokens are counted, not checked.
	Timestamps []timestamp.Authority

	// Witnesses are the pinned keys of those who cosign checkpoints, of which Quorum must have; 0: all.
	Witnesses []*witness.Key
	Quorum    int

	// Pins are what the auditor keeps, PinsDigest is the digest of the file, and PinsNow is what this configuration
	// pins; nil: there is no such file.
	Pins, PinsNow *Pins
	PinsDigest    artifact.Digest

	observe func(report.Finding)
}

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Master == "" && (c.Tier != report.TierLog || len(c.Copies) == 0) {
		errs = append(errs, errors.New("no master directory to compare with"))
	}
	if c.Master == "" && c.Publication != "" {
		errs = append(errs, errors.New("the publication log is compared with a master, and there is none"))
	}
	if c.Verifier == nil {
		errs = append(errs, errors.New("no pinned key of the master log"))
	}
	if c.Policy == nil || c.Policy.Trust == nil {
		errs = append(errs, errors.New("no section A policy with pinned anchors"))
	}
	switch c.Tier {
	case "":
		c.Tier = report.TierFull
	case report.TierLog, report.TierList, report.TierFull, report.TierSample:
	default:
		errs = append(errs, fmt.Errorf("unknown tier %q: want log, list, full or sample", c.Tier))
	}
	for _, p := range c.Copies {
		if p.Source == nil {
			errs = append(errs, errors.New("a copy without a source"))
		}
		if p.Layout != "" && p.Layout != LayoutBundle && p.Layout != LayoutObjects {
			errs = append(errs, fmt.Errorf("unknown layout %q: want bundle or objects", p.Layout))
		}
	}
	if c.Resume != "" && c.Tier != report.TierFull {
		errs = append(errs, fmt.Errorf("tier %s cannot be resumed, only tier full", c.Tier))
	}
	if c.Sample <= 0 {
		c.Sample = 100
	}
	if c.OCSPPath == "" {
		c.OCSPPath = "/ocsp"
	}
	if c.Workers <= 0 {
		c.Workers = 4 * runtime.GOMAXPROCS(0)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("configuring the verification: %w", err)
	}
	return c, nil
}

// policyWithoutClock is the operator's policy for judging content; what the calendar says has findings of its own.
func policyWithoutClock(p *sectiona.Policy, trust *artifact.Trust) *sectiona.Policy {
	q := *p
	q.Trust, q.Now, q.Strict = trust, nil, false
	return &q
}
