package ocspcache

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// startServer runs a server until the end of the test.
func startServer(t *testing.T, cfg ServerConfig) (s *Server, stop func() error) {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop = func() (err error) {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s, stop
}

func TestServerOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reg := prometheus.NewRegistry()
	metrics := NewMetrics(reg)
	w.source.metrics = metrics
	metrics.observe(w.source.view.Load(), testNow)
	core, logs := observer.New(zap.InfoLevel)
	h := mustHandler(t,
		HandlerConfig{Source: w.source, Metrics: metrics, Readiness: Readiness{Issuers: []string{"sub"}}})
	s, stop := startServer(t,
		ServerConfig{Handler: h, MetricsListen: "127.0.0.1:0", Gatherer: reg, AccessLogSample: 2,
			Logger: zap.New(core)})
	base := "http://" + s.Addr().String()
	for range 4 {
		res, err := http.Post(base+"/ocsp", "", bytes.NewReader(makeRequest([]Key{w.good}, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if got := bodyOf(t, res); !bytes.Equal(got, testResponse(w.good)) {
			t.Errorf("answer is %x", got)
		}
		_ = res.Body.Close()
	}
	text := fetchText(t, "http://"+s.MetricsAddr().String()+"/metrics")
	for _, line := range []string{
		`seihon_ocsp_requests_total{answer="successful",hash="sha1",method="POST"} 4`,
		`seihon_ocsp_generation{issuer="sub"} 1`,
		`seihon_ocsp_min_next_update_seconds{issuer="old"} ` +
			strconv.FormatFloat(float64(testNow.Unix()), 'g', -1, 64),
		`seihon_ocsp_responses{issuer="sub"} 2`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("metrics lack %s in:\n%s", line, text)
		}
	}
	if got := fetchText(t, "http://"+s.MetricsAddr().String()+"/healthz"); !strings.Contains(got, "ok") {
		t.Errorf("healthz: %q", got)
	}
	res, err := http.Get(base + "/metrics")
	if err != nil || res.StatusCode != 404 {
		t.Errorf("metrics on the public port: %v %v", res, err)
	}
	_ = res.Body.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if n := logs.FilterLoggerName("access").Len(); n != 2 {
		t.Errorf("%d of 5 requests logged, want 2", n)
	}
}

func fetchText(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return string(bodyOf(t, res))
}

// TestServerDrains ends the server while a request is under way: the request is
// answered, and no new connection is taken.
func TestServerDrains(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s, stop := startServer(t, ServerConfig{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "answered")
	})})
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + s.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
	close(leave)
	if got := <-answer; got != "answered" {
		t.Errorf("the open request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServerCutsOffAtTheEnd(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s, stop := startServer(t, ServerConfig{DrainTimeout: 20 * time.Millisecond,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		})})
	go func() { _, _ = http.Get("http://" + s.Addr().String()) }()
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeTLSPair(t, certFile, keyFile, 1)
	var now atomic.Int64
	now.Store(testNow.Unix())
	s, _ := startServer(t,
		ServerConfig{CertFile: certFile, KeyFile: keyFile, Now: func() time.Time { return time.Unix(now.Load(), 0) },
			Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	shown := func() *x509.Certificate {
		conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	if got := shown(); !bytes.Equal(got.Raw, first) {
		t.Error("another certificate is shown")
	}
	second := writeTLSPair(t, certFile, keyFile, 2)
	if err := os.Chtimes(certFile, testNow, testNow.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	now.Add(61)
	if got := shown(); !bytes.Equal(got.Raw, second) {
		t.Error("the new certificate is not shown")
	}
	if _, err := NewServer(ServerConfig{Handler: http.NotFoundHandler(), CertFile: certFile}); err == nil {
		t.Error("a certificate without key was taken")
	}
	if _, err := NewServer(ServerConfig{Handler: http.NotFoundHandler(), Listen: "127.0.0.1:0", CertFile: keyFile,
		KeyFile: keyFile}); err == nil {
		t.Error("a key was taken as certificate")
	}
}

func writeTLSPair(t *testing.T, certFile, keyFile string, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(serial)},
		&x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}
