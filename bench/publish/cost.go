package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/publish"
	"seihon/publish/s3store"
	"seihon/sectiona"
)

// costTable measures time and requests at several sizes, against the server that
// waits as long as a region does.
func costTable(ctx context.Context, s settings) error {
	fmt.Printf("%-10s %-8s %-8s %10s %10s %12s\n", "artifacts", "layout", "step", "seconds", "requests", "USD, S3 list")
	root := s.dir
	for _, size := range strings.Split(s.cost, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("reading the sizes of -cost: %w", err)
		}
		for _, layout := range []string{"objects", "bundle"} {
			s.responses, s.lists = n, 10
			s.dir = fmt.Sprintf("%s/%d-%s", root, n, layout)
			if err := costRows(ctx, s, layout); err != nil {
				return err
			}
		}
	}
	return nil
}

func costRows(ctx context.Context, s settings, layout string) error {
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	stop, endpoint, err := startNull(ctx, s)
	if err != nil {
		return err
	}
	defer stop()
	if err := credentials(endpoint); err != nil {
		return err
	}
	if _, err := runStep(ctx, s, "fixture"); err != nil {
		return err
	}
	for _, step := range []string{"first", "nothing", "1 %"} {
		if step == "1 %" {
			if _, err := runStep(ctx, s, "change"); err != nil {
				return err
			}
		}
		usd, err := estimate(ctx, s, endpoint, layout)
		if err != nil {
			return err
		}
		m, err := runStep(ctx, s, "sync", "-endpoint", endpoint, "-bucket", "null", "-layout", layout)
		if err != nil {
			return err
		}
		requests, err := strconv.Atoi(strings.Fields(m.out)[0])
		if err != nil {
			return err
		}
		fmt.Printf("%-10d %-8s %-8s %10.2f %10d %12.5f\n", s.responses, layout, step, m.elapsed.Seconds(), requests, usd)
	}
	return nil
}

// estimate is what `publisher plan` would say.
func estimate(ctx context.Context, s settings, endpoint, layout string) (float64, error) {
	r, err := loadRoom(s)
	if err != nil {
		return 0, err
	}
	v, err := ledger.NewVerifier(origin, r.VKeys...)
	if err != nil {
		return 0, err
	}
	log, err := ledger.Open(ctx, s.path("master"), v)
	if err != nil {
		return 0, err
	}
	store, err := s3store.Open(ctx, s3store.Config{Bucket: "null", Endpoint: endpoint, PathStyle: true})
	if err != nil {
		return 0, err
	}
	plans, result, err := publish.Plans(ctx, publish.Config{
		Master:  log,
		Policy:  &sectiona.Policy{Trust: artifact.NewTrust([]*x509.Certificate{r.ca}, nil)},
		Now:     time.Now,
		Targets: []publish.Target{{TargetConfig: publish.TargetConfig{Name: "bench", Layout: publish.Layout(layout), Price: publish.PriceS3}, Store: store}},
	})
	if err != nil {
		return 0, err
	}
	if result.Targets[0].Err != nil {
		return 0, result.Targets[0].Err
	}
	return plans[0].Estimate.USD, nil
}
