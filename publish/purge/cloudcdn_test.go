package purge_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seihon/publish/purge"
)

const googleToken = "ya29.example-token"

// computeAPI plays the token endpoint of the default credentials and the two
// calls of Compute.
type computeAPI struct {
	mu     sync.Mutex
	script []int
	ids    []string // of the requests
	paths  []string
	looks  map[string]int
	broken bool // operations end with an error
}

func (a *computeAPI) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if q.URL.Path == "/token" {
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, googleToken)
		return
	}
	const global = "/compute/v1/projects/proj/global/"
	operation, looking := strings.CutPrefix(q.URL.Path, global+"operations/")
	switch {
	case q.Header.Get("Authorization") != "Bearer "+googleToken:
		w.WriteHeader(http.StatusUnauthorized)
	case q.Method == http.MethodGet && looking:
		a.looks[operation]++
		switch {
		case a.looks[operation] < 3:
			fmt.Fprintf(w, `{"name":%q,"status":"RUNNING"}`, operation)
		case a.broken:
			fmt.Fprintf(w,
				`{"name":%q,"status":"DONE","error":{"errors":[{"code":"RESOURCE_NOT_FOUND","message":"it is gone"}]}}`,
				operation)
		default:
			fmt.Fprintf(w, `{"name":%q,"status":"DONE"}`, operation)
		}
	case q.Method == http.MethodPost && q.URL.Path == global+"urlMaps/repo/invalidateCache":
		a.ids = append(a.ids, q.URL.Query().Get("requestId"))
		if len(a.script) > 0 {
			status := a.script[0]
			a.script = a.script[1:]
			if status != 0 {
				w.WriteHeader(status)
				fmt.Fprintf(w, `{"error":{"code":%d,"message":"as the script says"}}`, status)
				return
			}
		}
		var body struct{ Path string }
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		a.paths = append(a.paths, body.Path)
		fmt.Fprintf(w, `{"name":"operation-%d","status":"PENDING"}`, len(a.paths))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// openCloudCDN gives the default credentials a service account whose tokens the server makes.
func openCloudCDN(t *testing.T, api http.Handler, limits purge.Limits) *purge.CloudCDN {
	t.Helper()
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "purge@proj.iam.gserviceaccount.com", "private_key_id": "1",
		"token_uri":   srv.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	d, err := purge.OpenCloudCDN(t.Context(),
		purge.CloudCDNConfig{Project: "proj", URLMap: "repo", Endpoint: srv.URL, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCloudCDN(t *testing.T) {
	for name, c := range map[string]struct {
		script []int
		broken bool
		want   string // in the error; empty: success
		tries  int
	}{
		"at once":   {nil, false, "", 2},
		"throttled": {[]int{429, 503}, false, "", 4},
		"never well": {[]int{0, 503, 503, 503}, false,
			`invalidating "/ocsp/*" in URL map "repo": giving up after 3 tries: 503`, 4},
		"forbidden":   {[]int{403}, false, "403 Forbidden: as the script says", 1},
		"fails later": {nil, true, "RESOURCE_NOT_FOUND: it is gone", 2},
	} {
		t.Run(name, func(t *testing.T) {
			limits, logs := quick()
			api := &computeAPI{script: c.script, looks: map[string]int{}, broken: c.broken}
			d := openCloudCDN(t, api, limits)
			paths := []string{"/crl/sub.crl", "/ocsp/*"}
			receipts, err := d.Purge(t.Context(), paths)
			if len(api.ids) != c.tries {
				t.Errorf("%d requests, want %d", len(api.ids), c.tries)
			}
			if err == nil {
				err = d.Wait(t.Context(), receipts)
			}
			silent(t, googleToken, logs, err)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error = %v, want %q", err, c.want)
				}
				return
			}
			want := []purge.Receipt{{Path: "/crl/sub.crl", ID: "operation-1", Done: true},
				{Path: "/ocsp/*", ID: "operation-2", Done: true}}
			if err != nil || !slices.Equal(receipts, want) || !slices.Equal(api.paths, paths) {
				t.Errorf("receipts %v of %q, %v", receipts, api.paths, err)
			}
			if n := len(slices.Compact(slices.Clone(api.ids))); n != 2 || api.ids[0] == "" {
				t.Errorf("%d request ids for two paths: %q", n, api.ids)
			}
		})
	}
}

// TestDeadline ends a purge whose CDN only ever asks to wait.
func TestDeadline(t *testing.T) {
	limits, logs := quick()
	limits.Attempts = 1000
	d := openCloudCDN(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/token" {
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, googleToken)
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, "later")
	}), limits)
	errLate := errors.New("the purge took too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errLate)
	defer cancel()
	start := time.Now()
	_, err := d.Purge(ctx, []string{"/*"})
	silent(t, googleToken, logs, err)
	if !errors.Is(err, errLate) || !strings.Contains(err.Error(), "429") || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}
