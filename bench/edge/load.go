package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A sample is what wrk measured in one run.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
	errors    int
}

// script walks through the file of paths, or of request bodies in hex.
const script = `
local lines = {}
for line in io.lines("%[1]s") do lines[#lines + 1] = line end
local requests = {}
init = function()
  for i, line in ipairs(lines) do
    if "%[2]s" == "POST" then
      local body = line:gsub("%%x%%x", function(h) return string.char(tonumber(h, 16)) end)
      requests[i] = wrk.format("POST", "%[3]s", {["Content-Type"] = "application/ocsp-request"}, body)
    else
      requests[i] = wrk.format("GET", line, {})
    end
  end
end
local i = 0
request = function()
  i = i %% #requests + 1
  return requests[i]
end
`

// load runs all contenders in turn and records the bars of speed.
func load(ctx context.Context, o options, dir string, b *board) error {
	fmt.Println("making", certificates, "responses")
	f, err := newFixture(dir)
	if err != nil {
		return err
	}
	contenders, err := newContenders()
	if err != nil {
		return err
	}
	for _, c := range contenders {
		if c.shared || c.close {
			continue
		}
		stop, err := c.start(ctx, f)
		if err != nil {
			return fmt.Errorf("starting %s: %w", c.name, err)
		}
		defer stop()
	}
	for _, c := range contenders {
		if c.close {
			continue // it signs as it answers, and measureOneByOne looks at each answer
		}
		if err := c.check(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	samples := make(map[string][]sample)
	for round := range o.rounds {
		for _, c := range contenders {
			s, err := c.measure(ctx, f, o.seconds)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", c.name, err)
			}
			fmt.Printf("round %d  %-14s %8.0f req/s  p50 %-8v p99 %-8v %d errors\n", round+1, c.name, s.perSecond,
				s.p50, s.p99, s.errors)
			samples[c.name] = append(samples[c.name], s)
		}
	}
	bars(samples, b)
	return nil
}

func newContenders() ([]contender, error) {
	list := []contender{
		{name: "nginx", paths: "static", method: "GET"},
		{name: "minimal GET", paths: "urls", method: "GET"},
		{name: "seihon GET", paths: "urls", method: "GET"},
		{name: "seihon POST", paths: "bodies", method: "POST", post: "/ocsp", shared: true},
		{name: "cfssl GET", paths: "root-urls", method: "GET"},
		{name: "cfssl POST", paths: "bodies", method: "POST", post: "/", shared: true},
		{name: "openssl POST", paths: "bodies", method: "POST", post: "/", close: true},
	}
	for i := range list {
		if list[i].shared {
			list[i].addr = list[i-1].addr
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		list[i].addr = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// check asks a contender everything once: speed counts only where each answer is
// the response that was signed. wrk takes a redirect for an answer.
func (c contender) check(ctx context.Context, f fixture) error {
	paths, err := os.ReadFile(f.path(c.paths))
	if err != nil {
		return err
	}
	names, err := os.ReadFile(f.path("static"))
	if err != nil {
		return err
	}
	files := strings.Fields(string(names))
	client := &http.Client{Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for i, line := range strings.Fields(string(paths)) {
		want, err := os.ReadFile(f.path("public", files[i]))
		if err != nil {
			return err
		}
		status, got, err := c.ask(ctx, client, line)
		if err != nil {
			return err
		}
		if status != http.StatusOK || !bytes.Equal(got, want) {
			return fmt.Errorf("the answer to %s is status %d with %d bytes, not the response of %d bytes", line, status,
				len(got), len(want))
		}
	}
	return nil
}

// ask sends the request of one line of the contender's file.
func (c contender) ask(ctx context.Context, client *http.Client, line string) (status int, answer []byte, err error) {
	url, body := "http://"+c.addr+line, ""
	if c.method == http.MethodPost {
		request, err := hex.DecodeString(line)
		if err != nil {
			return 0, nil, err
		}
		url, body = "http://"+c.addr+c.post, string(request)
	}
	r, err := http.NewRequestWithContext(ctx, c.method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if c.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

var (
	ratePattern    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	latencyPattern = regexp.MustCompile(`(50|99)%\s+([0-9.]+(?:us|ms|s))`)
	errorPattern   = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// measure loads a contender for some seconds.
func (c contender) measure(ctx context.Context, f fixture, seconds int) (sample, error) {
	if c.close {
		return c.measureOneByOne(ctx, f, seconds)
	}
	lua := f.path(strings.ReplaceAll(c.name, " ", "-") + ".lua")
	if err := write(lua, fmt.Appendf(nil, script, f.path(c.paths), c.method, c.post)); err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c64", "-d"+strconv.Itoa(seconds)+"s", "--latency", "-s", lua,
		"http://"+c.addr)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%w: %s", err, out)
	}
	var s sample
	if m := ratePattern.FindSubmatch(out); m != nil {
		s.perSecond, _ = strconv.ParseFloat(string(m[1]), 64) // the pattern is a number
	}
	for _, m := range latencyPattern.FindAllSubmatch(out, -1) {
		d, _ := time.ParseDuration(string(m[2])) // the pattern is a duration
		if string(m[1]) == "50" {
			s.p50 = d
		} else {
			s.p99 = d
		}
	}
	if m := errorPattern.FindSubmatch(out); m != nil {
		s.errors, _ = strconv.Atoi(string(m[1])) // the pattern is a number
	}
	if s.perSecond == 0 || s.errors > 0 {
		return s, fmt.Errorf("no good answers: %s", out)
	}
	return s, nil
}

// measureOneByOne loads a contender that takes one request on a connection, which
// wrk cannot: four clients that connect each time. The process is a new one in each
// round, since openssl never comes back from a client that hung up.
func (c contender) measureOneByOne(ctx context.Context, f fixture, seconds int) (sample, error) {
	stop, err := c.start(ctx, f)
	if err != nil {
		return sample{}, err
	}
	defer stop()
	content, err := os.ReadFile(f.path(c.paths))
	if err != nil {
		return sample{}, err
	}
	bodies := strings.Fields(string(content))
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	var mu sync.Mutex
	var times []time.Duration
	start := time.Now()
	var clients sync.WaitGroup
	for n := range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for i := n; ctx.Err() == nil; i += 4 {
				begin := time.Now()
				if status, answer, err := c.ask(ctx, client, bodies[i%len(bodies)]); err == nil &&
					status == http.StatusOK && len(answer) > 100 {
					mu.Lock()
					times = append(times, time.Since(begin))
					mu.Unlock()
				}
			}
		})
	}
	clients.Wait()
	if len(times) == 0 {
		return sample{}, errors.New("no good answers")
	}
	slices.Sort(times)
	return sample{
		perSecond: float64(len(times)) / time.Since(start).Seconds(),
		p50:       times[len(times)/2].Round(time.Microsecond), p99: times[len(times)*99/100].Round(time.Microsecond),
	}, nil
}

// bars compares our server with each peer within the rounds, and takes the median
// of the ratios: what disturbs a round disturbs both.
func bars(samples map[string][]sample, b *board) {
	rate := func(s sample) float64 { return s.perSecond }
	p99 := func(s sample) float64 { return float64(s.p99) }
	ratio := func(name, peer string, of func(sample) float64) float64 {
		var ratios []float64
		for i, s := range samples[name] {
			ratios = append(ratios, of(s)/of(samples[peer][i]))
		}
		slices.Sort(ratios)
		n := len(ratios)
		return (ratios[(n-1)/2] + ratios[n/2]) / 2
	}
	for _, method := range []string{"GET", "POST"} {
		ours, low := "seihon "+method, strings.ToLower(method)
		b.atLeast("edge-"+low+"-vs-nginx-static", ratio(ours, "nginx", rate), 0.60)
		b.atLeast("edge-"+low+"-vs-minimal-net-http", ratio(ours, "minimal GET", rate), 0.70)
		b.atLeast("edge-"+low+"-vs-cfssl", ratio(ours, "cfssl "+method, rate), 1.5)
		b.atMost("edge-"+low+"-p99-vs-nginx-static", ratio(ours, "nginx", p99), 2)
	}
	fmt.Printf("openssl ocsp, which signs each answer, has 1/%.0f of our POST rate\n",
		ratio("seihon POST", "openssl POST", rate))
}
