package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"seihon/publish"
)

// costTable measures time, requests and memory at several sizes, against the server that waits as long as a region
// does, and says what the requests cost by the list prices of S3 (and GCS, which are the same) and of R2. `planned` is
// what `publisher plan` says beforehand. Storage and what leaves the cloud are not in it.
func costTable(ctx context.Context, s settings) error {
	fmt.Printf("%-9s %-7s %-7s %8s", "artifacts", "layout", "step", "seconds")
	for _, c := range columns {
		fmt.Printf(" %13s", c)
	}
	fmt.Printf(" %8s %8s %9s %9s %9s %9s\n", "MiB sent", "peak MiB", "PUT USD", "GET USD", "planned", "USD on R2")
	root := s.dir
	s.quick = true
	for _, size := range strings.Split(s.cost, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("reading the sizes of -cost: %w", err)
		}
		s.responses, s.lists, s.dir = n, 10, fmt.Sprintf("%s/%d", root, n)
		if err := costRows(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// costRows publishes one repository in both layouts, before and after a change.
func costRows(ctx context.Context, s settings) error {
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
	made, err := runStep(ctx, s, "fixture")
	if err != nil {
		return err
	}
	fmt.Printf("%-9d made in %.0f s with %.0f MiB\n", s.responses, made.elapsed.Seconds(), made.rss)
	for _, step := range []string{"first", "nothing", "1 %"} {
		if step == "1 %" {
			if _, err := runStep(ctx, s, "change"); err != nil {
				return err
			}
		}
		for _, layout := range []string{"objects", "bundle"} {
			if err := costRow(ctx, s, endpoint, layout, step); err != nil {
				return err
			}
		}
	}
	return nil
}

func costRow(ctx context.Context, s settings, endpoint, layout, step string) error {
	where := []string{"-endpoint", endpoint, "-bucket", layout, "-layout", layout}
	planned, err := runStep(ctx, s, "plan", where...)
	if err != nil {
		return err
	}
	var bytes int64
	var usdPlanned float64
	if _, err := fmt.Sscan(planned.out, &bytes, &usdPlanned); err != nil {
		return fmt.Errorf("reading the plan %q: %w", planned.out, err)
	}
	if _, err := readTally(ctx, endpoint); err != nil { // the plan's own request
		return err
	}
	m, err := runStep(ctx, s, "sync", where...)
	if err != nil {
		return err
	}
	asked, err := readTally(ctx, endpoint)
	if err != nil {
		return err
	}
	fmt.Printf("%-9d %-7s %-7s %8.2f", s.responses, layout, step, m.elapsed.Seconds())
	var s3, r2 cost
	for _, c := range columns {
		fmt.Printf(" %13d", asked[c])
		s3.add(c, asked[c], publish.PriceS3)
		r2.add(c, asked[c], publish.PriceR2)
	}
	fmt.Printf(" %8.1f %8.0f %9.5f %9.5f %9.5f %9.5f\n", float64(bytes)/(1<<20), m.rss, s3.puts, s3.gets, usdPlanned,
		r2.puts+r2.gets)
	return nil
}

// A cost is in US dollars, by the two classes of requests.
type cost struct{ puts, gets float64 }

func (c *cost) add(column string, n int, p publish.Price) {
	if column == "GET" {
		c.gets += float64(n) * p.PerGet
	} else {
		c.puts += float64(n) * p.PerPut
	}
}

// planStep prints the bytes and the price that `publisher plan` would name.
func planStep(ctx context.Context, s settings) error {
	c, err := syncConfig(ctx, s)
	if err != nil {
		return err
	}
	plans, result, err := publish.Plans(ctx, c)
	if err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return err
	}
	fmt.Println(plans[0].Estimate.Bytes, plans[0].Estimate.USD)
	return nil
}
