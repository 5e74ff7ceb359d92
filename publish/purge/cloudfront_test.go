package purge_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"seihon/publish/purge"
)

const awsSecret = "wJalrXUtnFEMI-bench-secret"

// quick are limits for tests; the log holds all that was written.
func quick() (purge.Limits, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	return purge.Limits{RequestTimeout: time.Second, Attempts: 3, Backoff: time.Millisecond, Poll: time.Millisecond,
		Logger: zap.New(core)}, logs
}

// silent fails the test if a secret is in a log or an error.
func silent(t *testing.T, secret string, logs *observer.ObservedLogs, err error) {
	t.Helper()
	for _, e := range logs.All() {
		for _, f := range e.Context {
			if nested, ok := f.Interface.(error); ok && strings.Contains(nested.Error(), secret) ||
				strings.Contains(f.String, secret) {
				t.Errorf("the secret is in the log: %v", e)
			}
		}
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("the secret is in the error: %v", err)
	}
}

// cloudFrontAPI plays the REST API of CloudFront: script answers its first
// requests, 0 and whatever comes after them go through.
type cloudFrontAPI struct {
	mu         sync.Mutex
	script     []int // statuses
	code       string
	references []string
	paths      []string
	looks      int
}

const invalidation = `<Invalidation><Id>I2EXAMPLE</Id><Status>%s</Status><CreateTime>2026-11-24T06:00:00Z</CreateTime></Invalidation>`

func (a *cloudFrontAPI) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !strings.HasPrefix(q.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	if q.Method == http.MethodGet && q.URL.Path == "/2020-05-31/distribution/E2EXAMPLE/invalidation/I2EXAMPLE" {
		a.looks++
		io.WriteString(w,
			strings.Replace(invalidation, "%s", map[bool]string{true: "Completed", false: "InProgress"}[a.looks > 2],
				1))
		return
	}
	if q.Method != http.MethodPost || q.URL.Path != "/2020-05-31/distribution/E2EXAMPLE/invalidation" {
		http.Error(w, "no such thing", http.StatusNotFound)
		return
	}
	var batch struct {
		CallerReference string
		Paths           struct {
			Quantity int
			Items    struct{ Path []string }
		}
	}
	if err := xml.NewDecoder(q.Body).Decode(&batch); err != nil || batch.Paths.Quantity != len(batch.Paths.Items.Path) {
		http.Error(w, "no such batch", http.StatusBadRequest)
		return
	}
	a.references = append(a.references, batch.CallerReference)
	if len(a.script) > 0 {
		status := a.script[0]
		a.script = a.script[1:]
		if status != 0 {
			w.WriteHeader(status)
			io.WriteString(w,
				"<ErrorResponse><Error><Type>Sender</Type><Code>"+a.code+
					"</Code><Message>as the script says</Message></Error></ErrorResponse>")
			return
		}
	}
	a.paths = batch.Paths.Items.Path
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, strings.Replace(invalidation, "%s", "InProgress", 1))
}

func openCloudFront(t *testing.T, api http.Handler, limits purge.Limits) *purge.CloudFront {
	t.Helper()
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", awsSecret)
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	f, err := purge.OpenCloudFront(t.Context(),
		purge.CloudFrontConfig{Distribution: "E2EXAMPLE", Endpoint: srv.URL, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCloudFront(t *testing.T) {
	for name, c := range map[string]struct {
		script []int
		code   string
		want   string // in the error; empty: success
		tries  int
	}{
		"at once":            {nil, "", "", 1},
		"throttled":          {[]int{400, 400}, "Throttling", "", 3},
		"too many under way": {[]int{400}, "TooManyInvalidationsInProgress", "", 2},
		"not well":           {[]int{503, 500}, "InternalError", "", 3},
		"never well":         {[]int{503, 503, 503, 503}, "ServiceUnavailable", "giving up after 3 tries", 3},
		"forbidden":          {[]int{403}, "AccessDenied", "AccessDenied", 1},
		"no distribution":    {[]int{404}, "NoSuchDistribution", "NoSuchDistribution", 1},
	} {
		t.Run(name, func(t *testing.T) {
			limits, logs := quick()
			api := &cloudFrontAPI{script: c.script, code: c.code}
			f := openCloudFront(t, api, limits)
			paths := []string{"/crl/sub.crl", "/ocsp/*"}
			receipts, err := f.Purge(t.Context(), paths)
			silent(t, awsSecret, logs, err)
			if len(api.references) != c.tries {
				t.Errorf("%d requests, want %d", len(api.references), c.tries)
			}
			if n := len(slices.Compact(slices.Clone(api.references))); n != 1 {
				t.Errorf("the tries were %d invalidations, want one", n)
			}
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) ||
					!strings.Contains(err.Error(), "E2EXAMPLE") || len(receipts) != 0 {
					t.Errorf("receipts %v, error %v, want %q", receipts, err, c.want)
				}
				return
			}
			want := []purge.Receipt{{Path: "/crl/sub.crl", ID: "I2EXAMPLE"}, {Path: "/ocsp/*", ID: "I2EXAMPLE"}}
			if err != nil || !slices.Equal(receipts, want) || !slices.Equal(api.paths, paths) {
				t.Fatalf("receipts %v of %q, %v", receipts, api.paths, err)
			}
			if err := f.Wait(t.Context(), receipts); err != nil || !receipts[0].Done || !receipts[1].Done ||
				api.looks != 3 {
				t.Errorf("after waiting: %v, %d looks, %v", receipts, api.looks, err)
			}
		})
	}
}

// TestCloudFrontHangs has an API that takes the request and never answers.
func TestCloudFrontHangs(t *testing.T) {
	limits, logs := quick()
	limits.RequestTimeout, limits.Attempts = 50*time.Millisecond, 2
	done := make(chan struct{})
	defer close(done)
	f := openCloudFront(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }), limits)
	_, err := f.Purge(t.Context(), []string{"/*"})
	silent(t, awsSecret, logs, err)
	if err == nil || !strings.Contains(err.Error(), "giving up after 2 tries: no answer within 50ms") {
		t.Errorf("error = %v", err)
	}
}

func TestCloudFrontWithoutCredentials(t *testing.T) {
	limits, _ := quick()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	f, err := purge.OpenCloudFront(t.Context(), purge.CloudFrontConfig{Distribution: "E2EXAMPLE", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.Purge(t.Context(), []string{"/*"}); err == nil ||
		!strings.Contains(err.Error(), `"E2EXAMPLE": no AWS credentials`) {
		t.Errorf("error = %v", err)
	}
}
