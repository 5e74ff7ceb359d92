//go:build integration

package cmd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/publish"
	"seihon/publish/s3store"
	"seihon/publish/storetest"
	"seihon/publish/storetest/servers"
)

// oldObjects is how many objects the old repository has.
const oldObjects = 2000

// TestAdoptWhileClientsPoll takes over a bucket of two thousand objects, kills a sync in the middle, and removes what
// must go, while clients ask every 50 ms for lists and certificates under old names and new ones: each answer is whole,
// and none is older than the one before.
func TestAdoptWhileClientsPoll(t *testing.T) {
	s3 := servers.StartS3(t, false)
	servers.MakeS3Bucket(t, s3, "old")
	servers.AllowPublicRead(t, s3, "old")
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	address := s3.Endpoint + "/old"
	dir, conf := oldRepository(t, fmt.Sprintf(`s3: {bucket: old, region: %s, endpoint: "%s", path_style: true}
    url: %s`, servers.Region, s3.Endpoint, address))
	junk := fillOldBucket(t, dir, s3.Endpoint)
	run(t, "signer", "crl", "--quiet", "--issuer", "sub", "--config", conf)

	p := newPoller(address, "crl/sub.crl", "CertEnroll/Sub%20CA.crl", "pki/SubCA.crl", "pki/SubCA.crt", "cert/root.cer")
	ctx, stop := context.WithCancel(t.Context())
	done := p.start(ctx)
	publisher := publisherOf(t, conf)
	began := time.Now()
	out := publisher(3, "adopt", "--target", "old", "--yes")
	if !strings.Contains(out, fmt.Sprintf("old: %d objects", oldObjects)) || !strings.Contains(out, "recorded") {
		t.Errorf("adopt:\n%.2000s", out)
	}
	t.Logf("looked at and recorded in %v", time.Since(began))
	// kill -9 in the middle of the writes, and the next run goes on
	for _, written := range []string{"log/", "ocsp/bundles/"} {
		cmd := exec.Command("publisher", "sync", "--quiet", "--config", conf)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for there, deadline := false, time.Now().Add(time.Minute); !there && time.Now().Before(deadline); {
			for _, err := range oldStore(t, s3.Endpoint).List(t.Context(), written) {
				there = err == nil
				break
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	publisher(0, "sync")
	run(t, "signer", "crl", "--quiet", "--issuer", "sub", "--config", conf)
	publisher(0, "sync")
	list := filepath.Join(dir, "gone.txt")
	if err := os.WriteFile(list, []byte(strings.Join(junk, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	publisher(0, "adopt", "--target", "old", "--remove", list, "--yes")
	publisher(0, "verify", "--source", address, "--list")
	stop()
	<-done
	p.judge(t)
	var listed []string
	for l, err := range oldStore(t, s3.Endpoint).List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, l.Name)
	}
	for _, name := range []string{"CertEnroll/Sub CA.crl", "pki/SubCA.crl", "pki/SubCA.crt", "crl/sub.crl",
		"cert/root.cer"} {
		if !strings.Contains("\n"+strings.Join(listed, "\n")+"\n", "\n"+name+"\n") {
			t.Errorf("the name %s is gone", name)
		}
	}
}

// oldRepository is a room whose only target, by the name of old, was filled by other means; nothing was published
// there.
func oldRepository(t *testing.T, place string) (dir, conf string) {
	t.Helper()
	dir = copyGolden(t)
	conf = filepath.Join(dir, "repository.yaml")
	raw := read(t, conf)
	i := bytes.Index(raw, []byte("targets:"))
	text := string(raw[:i]) + "targets:\n  - name: old\n    " + place + `
names:
  - artifact: crl/sub.crl
    aliases: [CertEnroll/Sub%20CA.crl, pki/SubCA.crl]
  - artifact: cert/sub.cer
    aliases: [pki/SubCA.crt]
`
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"publication", "publication.head", "secrets/publication-log.key",
		"keys/publication-log.vkey"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, conf
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func oldStore(t *testing.T, endpoint string) *s3store.Store {
	t.Helper()
	s, err := s3store.Open(t.Context(),
		s3store.Config{Bucket: "old", Region: servers.Region, Endpoint: endpoint, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fillOldBucket writes what years of `aws s3 sync` left, and returns the names of what must go.
func fillOldBucket(t *testing.T, dir, endpoint string) (junk []string) {
	t.Helper()
	objects := oldNames(t, dir)
	list := objects["crl/sub.crl"]
	kept := len(objects)
	for i := range oldObjects - kept {
		name, b := fmt.Sprintf("archive/%04d/SubCA.crl.bak", i), list
		if i%4 > 0 {
			name, b = fmt.Sprintf("issued/%d/request-%04d.txt", i%7, i),
				fmt.Appendf(nil, "request %d of an older time\n", i)
		}
		objects[name] = b
		junk = append(junk, name)
	}
	store := oldStore(t, endpoint)
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(32)
	for name, b := range objects {
		g.Go(func() error {
			_, err := store.Put(ctx, storetest.Object(name, b), publish.Condition{IfAbsent: true})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return junk
}

// oldNames are what clients ask an old repository for, and its page.
func oldNames(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	public := func(name string) []byte { return read(t, filepath.Join(dir, "public", name)) }
	return map[string][]byte{
		"crl/sub.crl": public("crl/sub.crl"), "CertEnroll/Sub CA.crl": public("crl/sub.crl"),
		"pki/SubCA.crl": public("crl/sub.crl"),
		"pki/SubCA.crt": public("cert/sub.cer"), "cert/root.cer": public("cert/root.cer"),
		"index.html": []byte("<html><title>Our CA</title></html>"),
	}
}

// A poller asks for names again and again, as relying parties do.
type poller struct {
	address string
	names   []string
	every   time.Duration
	mu      sync.Mutex
	asked   int
	wrong   []string
	last    map[string]*artifact.RevocationList
	lists   map[string]int // how many different lists each name showed
}

func newPoller(address string, names ...string) *poller {
	return &poller{address: address, names: names, every: 50 * time.Millisecond,
		last: map[string]*artifact.RevocationList{}, lists: map[string]int{}}
}

func (p *poller) start(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	var wg sync.WaitGroup
	for _, name := range p.names {
		wg.Go(func() {
			tick := time.NewTicker(p.every)
			defer tick.Stop()
			for ctx.Err() == nil {
				p.ask(name)
				<-tick.C
			}
		})
	}
	go func() { wg.Wait(); close(done) }()
	return done
}

func (p *poller) ask(name string) {
	resp, err := http.Get(p.address + "/" + name)
	var b []byte
	if err == nil {
		b, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	switch {
	case err != nil:
		p.wrong = append(p.wrong, fmt.Sprintf("%s: %v", name, err))
		return
	case resp.StatusCode != http.StatusOK:
		p.wrong = append(p.wrong, fmt.Sprintf("%s: %s", name, resp.Status))
		return
	}
	a := artifact.Parse(b)
	if !strings.HasSuffix(name, ".crl") {
		if len(a.Certificates) != 1 {
			p.wrong = append(p.wrong, fmt.Sprintf("%s: a %s of %d bytes", name, a.Kind, len(b)))
		}
		return
	}
	if a.CRL == nil {
		p.wrong = append(p.wrong, fmt.Sprintf("%s: a %s of %d bytes", name, a.Kind, len(b)))
		return
	}
	last := p.last[name]
	if last != nil && (a.CRL.Number.Cmp(last.Number) < 0 || a.CRL.ThisUpdate.Before(last.ThisUpdate)) {
		p.wrong = append(p.wrong, fmt.Sprintf("%s: number %v after %v", name, a.CRL.Number, last.Number))
	}
	if last == nil || a.CRL.Number.Cmp(last.Number) > 0 {
		p.lists[name]++
	}
	p.last[name] = a.CRL
}

func (p *poller) judge(t *testing.T) {
	t.Helper()
	t.Logf("%d answers to polls, %d wrong; lists seen: %v", p.asked, len(p.wrong), p.lists)
	if p.asked < 100 {
		t.Errorf("clients asked %d times meanwhile, want 100 at least", p.asked)
	}
	if len(p.wrong) > 0 {
		t.Errorf("%d of %d answers are wrong, such as %.5q", len(p.wrong), p.asked, p.wrong[:min(len(p.wrong), 5)])
	}
	for _, name := range p.names {
		if strings.HasSuffix(name, ".crl") && p.lists[name] != 3 {
			t.Errorf("%s showed %d lists, want the old one and two new ones", name, p.lists[name])
		}
	}
}

// publisherOf runs the publisher on a configuration. It wants an exit code and returns what was printed.
func publisherOf(t *testing.T, conf string) func(code int, args ...string) string {
	return func(code int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "publisher", append(args, "--quiet", "--config", conf)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Fatalf("publisher %s: exit code %d, want %d\n%.2000s", strings.Join(args, " "), got, code, out)
		}
		return string(out)
	}
}
