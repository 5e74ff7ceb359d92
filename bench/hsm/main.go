// Command hsm measures how much of a token's raw speed a batch of signatures gets through the session pool, with the
// self-check of every signature included, and puts crypto11 beside it.
//
// The token is SoftHSM in a temporary directory. Every measurement is a process of its own, since C_Initialize acts
// on a whole process; the contenders take turns, round by round, so that a slow minute of the machine hits all of
// them. The figure of a round is the ratio to the raw rate of the same round; the bar is held against the median.
//
//	go run . [-rounds 5] [-time 1s] [-sessions 8] [-module /usr/lib/softhsm/libsofthsm2.so] [-only rsa3072] [-profiles DIR]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"seihon/bench/bar"
	"seihon/hsmsign/token"
)

const (
	label   = "bench"
	userPIN = "1234-user"
	soPIN   = "5678-officer"
)

// bars are the ratios to raw C_Sign that the pool must reach.
var bars = []struct {
	algorithm string
	want      float64
}{
	{"rsa2048", 0.93},
	{"rsa3072", 0.93},
	{"p256", 0.45},
}

type settings struct {
	module   string
	sessions int
	time     time.Duration
	rounds   int
	only     string // one algorithm; empty: all
	profiles string // folder for CPU profiles of the last round
	child    string // contender/algorithm; set in the children only
	profile  string
}

func main() {
	var s settings
	flag.StringVar(&s.module, "module", "/usr/lib/softhsm/libsofthsm2.so", "PKCS#11 module")
	flag.IntVar(&s.sessions, "sessions", 8, "sessions with the token")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds")
	flag.DurationVar(&s.time, "time", time.Second, "length of one measurement")
	flag.StringVar(&s.only, "only", "", "measure one algorithm")
	flag.StringVar(&s.profiles, "profiles", "", "write CPU profiles of the last round into this folder")
	flag.StringVar(&s.child, "contender", "", "measure one contender/algorithm and print its rate")
	flag.StringVar(&s.profile, "cpuprofile", "", "with -contender: write a CPU profile")
	flag.Parse()
	run := parent
	if s.child != "" {
		run = child
	}
	err := run(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hsm:", err)
		os.Exit(1)
	}
}

// parent makes the token and lets the contenders take turns.
func parent(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "bench-hsm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = prepare(ctx, s, dir)
	if err != nil {
		return fmt.Errorf("preparing the token: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	contenders := []string{"raw", "pool", "crypto11"}
	fmt.Printf("signatures per second (median of %d rounds), and per second of processor time; %d sessions\n", s.rounds,
		s.sessions)
	fmt.Printf("%-8s %8s %8s %8s %9s %9s | %8s %8s %8s %9s %9s\n", "key", "raw", "pool", "crypto11", "pool/raw",
		"c11/raw", "raw", "pool", "crypto11", "pool/raw", "c11/raw")
	var results []bar.Bar
	for _, promise := range bars {
		if s.only != "" && promise.algorithm != s.only {
			continue
		}
		rates, perCPU := make(map[string][]float64), make(map[string][]float64)
		for round := range s.rounds {
			for _, c := range contenders {
				if s.profiles != "" && round == s.rounds-1 {
					s.profile = filepath.Join(s.profiles, c+"-"+promise.algorithm+".pprof")
				}
				r, err := measure(ctx, self, s, c+"/"+promise.algorithm)
				if err != nil {
					return fmt.Errorf("measuring %s with %s: %w", promise.algorithm, c, err)
				}
				rates[c] = append(rates[c], r.perSecond)
				perCPU[c] = append(perCPU[c], r.perCPUSecond)
			}
		}
		s.profile = ""
		pool := ratio(rates["pool"], rates["raw"])
		fmt.Printf("%-8s %s | %s\n", promise.algorithm, row(rates), row(perCPU))
		results = append(results, bar.AtLeast("hsm-pool-"+promise.algorithm, pool, promise.want))
	}
	return bar.Print(os.Stdout, results)
}

// prepare makes a SoftHSM token with a key of each algorithm.
func prepare(ctx context.Context, s settings, dir string) error {
	tokens := filepath.Join(dir, "tokens")
	conf := filepath.Join(dir, "softhsm2.conf")
	err := errors.Join(
		os.Mkdir(tokens, 0o700),
		os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"),
			0o600),
		os.Setenv("SOFTHSM2_CONF", conf))
	if err != nil {
		return err
	}
	cfg := config(s)
	err = token.InitToken(ctx, cfg, []byte(soPIN), []byte(userPIN))
	if err != nil {
		return err
	}
	t, err := token.Open(ctx, cfg)
	if err != nil {
		return err
	}
	for _, bar := range bars {
		_, err = t.GenerateKey(ctx, bar.algorithm, bar.algorithm)
		if err != nil {
			return errors.Join(err, t.Close())
		}
	}
	return t.Close()
}

func config(s settings) token.Config {
	return token.Config{Module: s.module, TokenLabel: label, Sessions: s.sessions,
		PIN: token.StaticPIN([]byte(userPIN))}
}

// row prints the medians of the three contenders and the ratios to the raw rate.
func row(r map[string][]float64) string {
	return fmt.Sprintf("%8.0f %8.0f %8.0f %9.3f %9.3f", median(r["raw"]), median(r["pool"]), median(r["crypto11"]),
		ratio(r["pool"], r["raw"]), ratio(r["crypto11"], r["raw"]))
}

// rates are what one measurement yields.
type rates struct{ perSecond, perCPUSecond float64 }

// measure runs one contender in a process of its own.
func measure(ctx context.Context, self string, s settings, contender string) (rates, error) {
	cmd := exec.CommandContext(ctx, self, "-contender", contender, "-module", s.module, "-sessions",
		strconv.Itoa(s.sessions), "-time", s.time.String(), "-cpuprofile", s.profile)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return rates{}, err
	}
	var r rates
	_, err = fmt.Sscan(string(out), &r.perSecond, &r.perCPUSecond)
	return r, err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// ratio is the median of the rounds' ratios.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}
