package main

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/sectiona"
	"seihon/verify"
	"seihon/verify/report"
)

// checkStep verifies the repository and fails when it finds anything, or looked at less than there is.
func checkStep(ctx context.Context, s settings) error {
	f, err := loadFixture(s)
	if err != nil {
		return err
	}
	v, err := ledger.NewVerifier(origin, f.VKeys...)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(f.CA)
	if err != nil {
		return err
	}
	source, err := verify.Dir(s.path("public"))
	if err != nil {
		return err
	}
	if s.profile != "" {
		out, err := os.Create(s.profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	checked, err := verify.Check(ctx, verify.Config{
		Master: s.path("master"), Verifier: v,
		Policy: &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{ca}, nil)},
		Copies: []verify.Copy{{Source: source}}, Tier: report.Tier(s.tier),
		Now: func() time.Time { return epoch.Add(time.Hour) },
	})
	if err != nil {
		return err
	}
	if err := checked.WriteText(os.Stdout); err != nil {
		return err
	}
	switch {
	// the warning about revoked certificates without a response is right
	case checked.Count(report.Critical)+checked.Count(report.Error) > 0:
		return errors.New("the repository is not clean")
	case checked.Tier == report.TierFull &&
		checked.Counts.Responses != int64(s.responses+s.bundled),
		checked.Copies[0].Objects < int64(s.responses+s.lists):
		return errors.New("not everything was looked at")
	}
	return nil
}

// bareStep verifies one signature as often as there are responses, on all processors, and does nothing else: with the
// standard library, or with a key that is kept prepared, as the verifier keeps it.
func bareStep(_ context.Context, s settings) error {
	f, err := loadFixture(s)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(f.CA)
	if err != nil {
		return err
	}
	r, err := artifact.ParseResponse(f.Bare)
	if err != nil {
		return err
	}
	check := func() error { return ca.CheckSignature(r.SignatureAlgorithm, r.RawTBS, r.Signature) }
	if s.step == "bare-prepared" {
		trust := artifact.NewTrust([]*x509.Certificate{ca}, nil)
		check = func() error { _, _, err := trust.CheckResponse(r); return err }
	}
	procs := runtime.GOMAXPROCS(0)
	errs := make([]error, procs)
	var wg sync.WaitGroup
	for w := range procs {
		wg.Go(func() {
			for i := w; i < s.bundled; i += procs {
				if err := check(); err != nil {
					errs[w] = err
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
