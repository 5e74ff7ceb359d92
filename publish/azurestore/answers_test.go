package azurestore

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seihon/publish"
	"seihon/publish/credentials"
	"seihon/publish/storetest"
)

// secrets are the two kinds of what can lie in an access file.
var secrets = map[string]string{
	"key": base64.StdEncoding.EncodeToString(make([]byte, 64)),
	"sas": "sv=2021-12-02&sr=c&sp=rcw&se=2030-01-01T00%3A00%3A00Z&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D",
}

// at opens a container of a server that is no Azurite.
func at(t *testing.T, endpoint, secret string) *Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Account: "repository", Container: "public", Endpoint: endpoint,
		Access: credentials.AzureFrom{File: file}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asks are the requests of a store.
func asks(ctx context.Context, s *Store) map[string]func() error {
	put := func(size int) func() error {
		return func() error {
			_, err := s.Put(ctx, storetest.Object("a.crl", make([]byte, size)), publish.Condition{IfAbsent: true})
			return err
		}
	}
	return map[string]func() error{
		"GET":    func() error { _, err := s.Get(ctx, "a.crl"); return err },
		"PUT":    put(1),
		"blocks": put(singleUpTo + 1),
		"DELETE": func() error { return s.Delete(ctx, "a.crl", publish.Condition{IfMatch: "1"}) },
		"LIST": func() error {
			for _, err := range s.List(ctx, "") {
				return err
			}
			return nil
		},
	}
}

// TestNoRedirectIsFollowed has a store that sends its clients elsewhere. Nobody there is asked, whatever lets us in.
func TestNoRedirectIsFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	status := 0
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		http.Redirect(w, q, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+q.URL.RequestURI(), status)
	}))
	defer store.Close()
	for kind, secret := range secrets {
		s := at(t, store.URL, secret)
		for _, status = range []int{301, 302, 303, 307, 308} {
			for what, ask := range asks(t.Context(), s) {
				err := ask()
				if !errors.Is(err, publish.ErrInvalid) || !strings.Contains(err.Error(), "no redirect is followed") ||
					strings.Contains(err.Error(), "sig=") {
					t.Errorf("%s, %d, %s: %v", kind, status, what, err)
				}
			}
		}
	}
	if n := elsewhere.Load(); n > 0 {
		t.Errorf("%d requests went where a redirect said", n)
	}
}

// TestAnswers is what each answer of Azure means to the engine.
func TestAnswers(t *testing.T) {
	var status int
	var code string
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("x-ms-error-code", code)
		w.Header().Set("x-ms-request-id", "0f0f")
		w.WriteHeader(status)
		if q.Method != http.MethodHead {
			_ = xml.NewEncoder(w).Encode(struct {
				XMLName       xml.Name `xml:"Error"`
				Code, Message string
			}{Code: code, Message: "told"})
		}
	}))
	defer store.Close()
	for _, c := range []struct {
		status int
		code   string
		want   error // nil: another try may help
	}{
		{404, "BlobNotFound", publish.ErrNotFound},
		{404, "ContainerNotFound", publish.ErrInvalid},
		{403, "AuthenticationFailed", publish.ErrDenied},
		{403, "AuthorizationPermissionMismatch", publish.ErrDenied},
		{401, "NoAuthenticationInformation", publish.ErrDenied},
		{403, "KeyBasedAuthenticationNotPermitted", publish.ErrDenied},
		{409, "BlobAlreadyExists", publish.ErrConflict},
		{412, "ConditionNotMet", publish.ErrConflict},
		{412, "LeaseIdMissing", publish.ErrDenied},
		{409, "BlobImmutableDueToPolicy", publish.ErrDenied},
		{409, "ContainerBeingDeleted", publish.ErrInvalid},
		{409, "BlobArchived", publish.ErrInvalid},
		{400, "Md5Mismatch", publish.ErrChecksum},
		{400, "InvalidBlockList", publish.ErrConflict},
		{400, "InvalidHeaderValue", publish.ErrInvalid},
		{503, "ServerBusy", publish.ErrBusy},
		{429, "TooManyRequests", publish.ErrBusy},
		{500, "InternalError", nil},
		{500, "OperationTimedOut", nil},
		{409, "SystemInUse", nil},
	} {
		status, code = c.status, c.code
		s := at(t, store.URL, secrets["key"])
		for what, ask := range asks(t.Context(), s) {
			err := ask()
			sentinels := []error{publish.ErrConflict, publish.ErrNotFound, publish.ErrChecksum, publish.ErrDenied,
				publish.ErrNoCredentials, publish.ErrInvalid, publish.ErrBusy}
			for _, one := range sentinels {
				if errors.Is(err, one) != (one == c.want) {
					t.Errorf("%d %s, %s: %v, want %v", c.status, c.code, what, err, c.want)
				}
			}
			if want := fmt.Sprintf("Azure answers %d %s (request 0f0f)", c.status, c.code); err == nil ||
				!strings.HasSuffix(err.Error(), want) {
				t.Errorf("%d %s, %s: %v, want it to end in %q", c.status, c.code, what, err, want)
			}
		}
	}
}

// TestSilence has a store that takes the request and says nothing: the caller's deadline ends it, and no second request
// is sent.
func TestSilence(t *testing.T) {
	var asked atomic.Int64
	gone := make(chan struct{})
	store := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, q.Body)
		select {
		case <-q.Context().Done():
		case <-gone:
		}
	}))
	defer store.Close()
	defer close(gone)
	s := at(t, store.URL, secrets["sas"])
	for _, what := range []string{"GET", "PUT", "DELETE", "LIST"} {
		before := asked.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		begun := time.Now()
		err := asks(ctx, s)[what]()
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second ||
			strings.Contains(err.Error(), "sig=") {
			t.Errorf("%s: %v after %v", what, err, time.Since(begun))
		}
		if n := asked.Load() - before; n != 1 {
			t.Errorf("%s: %d requests, want one: the engine alone retries", what, n)
		}
	}
}

// TestInTheClear refuses to send what is good for whoever reads it; the signature of a key covers one request.
func TestInTheClear(t *testing.T) {
	for kind, secret := range secrets {
		file := filepath.Join(t.TempDir(), "access")
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Config{Account: "repository", Container: "public", Endpoint: "http://blob.example",
			Access: credentials.AzureFrom{File: file}})
		if refused := err != nil &&
			strings.Contains(err.Error(), "is not sent in the clear"); refused != (kind == "sas") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
