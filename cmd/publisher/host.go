package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/internal/cliexit"
	"seihon/internal/config"
	"seihon/internal/proxy"
	"seihon/internal/regular"
	"seihon/internal/telemetry"
	"seihon/ledger"
	"seihon/publish"
	"seihon/sectiona"
)

// host is what every command of the publishing host starts from.
type host struct {
	conf      *config.Config
	logger    *zap.Logger
	now       func() time.Time
	telemetry *telemetry.Telemetry // nil where no collector is configured
	staged    bool                 // the next commit of the publication log has what waited
}

func open(c *cli.Context, now func() time.Time) (*host, error) {
	conf, err := config.Load(c.String("config"))
	if err != nil {
		return nil, &cliexit.Error{Code: cliexit.Usage, Err: err}
	}
	logger, err := cliexit.Logger(c)
	if err == nil {
		err = proxy.Through(conf.Proxy)
	}
	if err != nil {
		return nil, err
	}
	return &host{conf: conf, logger: logger, now: now}, nil
}

// verifier believes the keys that the configuration pins.
func (h *host) verifier() (*ledger.Verifier, error) {
	var vkeys []string
	for _, file := range h.conf.Master.Keys {
		raw, err := regular.ReadFile(string(file))
		if err != nil {
			return nil, fmt.Errorf("reading the pinned key of the master log: %w; copy it from the signing room", err)
		}
		vkeys = append(vkeys, strings.TrimSpace(string(raw)))
	}
	return ledger.NewVerifier(h.conf.Master.Origin, vkeys...)
}

// master opens the read-only master.
func (h *host) master(ctx context.Context) (*ledger.Log, error) {
	v, err := h.verifier()
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, string(h.conf.Master.Directory), v)
	if errors.Is(err, ledger.ErrNotExist) {
		return nil, h.noMaster(err)
	}
	return log, err
}

// noMaster says what to do where no master is. On a host that published from one before it is lost.
func (h *host) noMaster(err error) error {
	head, err1 := h.publicationHead()
	remembered, err2 := publish.Remembered(h.stateDir())
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	err = fmt.Errorf("%w; if this host's copy of the master is lost, or is not there yet, let the newest export in "+
		"with `publisher import`; "+
		"if its path is wrong, correct master.directory", err)
	if head != nil && head.Size > 0 || remembered != "" {
		return &cliexit.Error{Code: cliexit.Record, Err: err}
	}
	return err
}

// trust reads the pinned anchors and partners.
func (h *host) trust() (*artifact.Trust, error) {
	anchors, err := certificates(h.conf.Trust.Anchors)
	if err != nil {
		return nil, fmt.Errorf("reading trust.anchors: %w", err)
	}
	partners, err := certificates(h.conf.Trust.Partners)
	if err != nil {
		return nil, fmt.Errorf("reading trust.partners: %w", err)
	}
	return artifact.NewTrust(anchors, partners), nil
}

// policy is section A with the authorities that the master vouches for and the
// anchors confirm. A CA certificate that does not chain to an anchor is left out:
// section A then refuses what it signed.
func (h *host) policy(ctx context.Context, master *ledger.Log) (*sectiona.Policy, error) {
	trust, err := h.trust()
	if err != nil {
		return nil, err
	}
	p := &sectiona.Policy{Trust: trust, Strict: h.conf.SectionA.Strict, Misissued: h.conf.Trust.IsMisissued, Now: h.now}
	if d := h.conf.DocumentSigner; d != nil {
		p.DocumentSigner = &sectiona.DocumentSigner{CommonName: d.Subject.CommonName, Usage: d.Usage, Policy: d.Policy}
	}
	if s := h.conf.SectionA.SubscriberCertificates; s != nil {
		consents, err := config.ReadConsents(string(s.Consents))
		if err != nil {
			return nil, err
		}
		p.SubscriberConsent = consents.Of
	}
	if master == nil {
		return p, nil
	}
	keys, err := h.overrideKeys()
	if err != nil {
		return nil, err
	}
	p.Excepted = publish.Exceptions(ctx, master, keys)
	return p, publish.AddIssuers(ctx, master, trust)
}
