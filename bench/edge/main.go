// Command edge measures the keyless OCSP responder beside its peers: nginx
// serving the same responses as static files, the least net/http server that can
// answer from a map, cfssl's ocspserve, and openssl ocsp, which signs on demand.
// All run on this host in turn, round after round; the bars are medians of the
// ratios within a round, since what disturbs a round disturbs all.
//
//	make bench-edge
//	go run ./bench/edge -rounds 5 -seconds 4
//	go run ./bench/edge -only scale     handler, lookup, build and open only
//
// It needs wrk, nginx and openssl; cfssl is installed with the go command into a
// temporary folder unless it is in PATH.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"seihon/bench/bar"
)

type options struct {
	rounds, seconds, scale int
	only, serve, dir, addr string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of load")
	flag.IntVar(&o.seconds, "seconds", 3, "seconds of load for each server and round")
	flag.IntVar(&o.scale, "scale", 10_000_000, "responses in the large bundle set")
	flag.StringVar(&o.only, "only", "", "load or scale: only that part")
	flag.StringVar(&o.serve, "serve", "", "run a server (used by the program itself)")
	flag.StringVar(&o.dir, "dir", "", "folder of the server")
	flag.StringVar(&o.addr, "addr", "", "address of the server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.serve != "" {
		return serve(ctx, o)
	}
	dir, err := os.MkdirTemp("", "bench-edge")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &board{}
	if o.only != "scale" {
		err = errors.Join(err, load(ctx, o, dir, b))
	}
	if o.only != "load" {
		err = errors.Join(err, scale(ctx, o, dir, b))
	}
	return errors.Join(err, bar.Print(os.Stdout, b.bars))
}

// A board collects the bars.
type board struct{ bars []bar.Bar }

// atLeast and atMost record a bar: a measured figure and the one that is wanted.
func (b *board) atLeast(name string, measured, wanted float64) {
	b.bars = append(b.bars, bar.AtLeast(name, measured, wanted))
}

func (b *board) atMost(name string, measured, wanted float64) {
	b.bars = append(b.bars, bar.AtMost(name, measured, wanted))
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
