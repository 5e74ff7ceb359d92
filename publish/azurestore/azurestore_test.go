//go:build integration

package azurestore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/publish"
	"seihon/publish/azurestore"
	"seihon/publish/credentials"
	"seihon/publish/storetest"
	"seihon/publish/storetest/servers"
)

func open(t *testing.T, srv *servers.Azure, container, prefix, secret string) *azurestore.Store {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := azurestore.Open(azurestore.Config{
		Account: srv.Account, Container: container, Prefix: prefix, Endpoint: srv.Endpoint,
		Access: credentials.AzureFrom{File: file},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAzurite runs everything on one server, since it takes seconds to start.
func TestAzurite(t *testing.T) {
	srv := servers.StartAzure(t)
	for _, prefix := range []string{"", "ca1/"} {
		name, containers := "plain", 0
		if prefix != "" {
			name = "prefix"
		}
		t.Run(name, func(t *testing.T) {
			storetest.Suite{Headers: true, Open: func(t *testing.T) publish.Store {
				containers++
				return open(t, srv, container(t, srv, fmt.Sprintf("%s-%d", name, containers)), prefix, srv.Key)
			}}.Run(t)
		})
	}
	for name, test := range map[string]func(*testing.T, *servers.Azure){
		"digest": digestStaysWithTheBlob, "put-only": putOnlySignature, "errors": errorsToldApart, "lease": leasedBlob,
	} {
		t.Run(name, func(t *testing.T) { test(t, srv) })
	}
}

func container(t *testing.T, srv *servers.Azure, name string) string {
	t.Helper()
	srv.MakeContainer(t, nil, name, "")
	return name
}

// digestStaysWithTheBlob reads what other tools see of a blob, a small one and one of blocks.
func digestStaysWithTheBlob(t *testing.T, srv *servers.Azure) {
	srv.MakeContainer(t, nil, "digest", "")
	s := open(t, srv, "digest", "", srv.Key)
	for name, size := range map[string]int64{"crl/a.crl": 900, "ocsp/bundles/large": 20 << 20} {
		o := storetest.Object(name, storetest.Content(1, size))
		if _, err := s.Put(t.Context(), o, publish.Condition{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
		head, _ := srv.Do(t, nil, http.MethodHead, "digest/"+name, nil, "", http.StatusOK)
		if got := head.Get("x-ms-meta-sha256"); got != o.SHA256.String() {
			t.Errorf("%s: metadata says %q, want %s", name, got, o.SHA256)
		}
		if head.Get("Content-Type") != o.Header.ContentType || head.Get("Cache-Control") != o.Header.CacheControl {
			t.Errorf("%s: headers %q, %q", name, head.Get("Content-Type"), head.Get("Cache-Control"))
		}
	}
}

// putOnlySignature publishes with a shared access signature that can neither list nor delete.
func putOnlySignature(t *testing.T, srv *servers.Azure) {
	srv.MakeContainer(t, nil, "put-only", "")
	srv.MakeContainer(t, nil, "other", "")
	sas := srv.SAS("put-only", "rcw")
	s := open(t, srv, "put-only", "", sas)
	r, err := s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(1, 1000)),
		publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(2, 900)),
		publish.Condition{IfMatch: r.ETag}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), storetest.Object("ocsp/bundles/large", storetest.Content(3, 20<<20)),
		publish.Condition{IfAbsent: true}); err != nil {
		t.Fatalf("blocks: %v", err)
	}
	if _, err := s.Get(t.Context(), "log/checkpoint"); !errors.Is(err, publish.ErrNotFound) {
		t.Errorf("reading a missing object: %v, want ErrNotFound", err)
	}
	_, elsewhere := open(t, srv, "other", "", sas).Get(t.Context(), "x")
	denied := map[string]error{
		"deleting":          s.Delete(t.Context(), "crl/a.crl", publish.Condition{IfMatch: r.ETag}),
		"another container": elsewhere,
	}
	for _, err := range s.List(t.Context(), "") {
		denied["listing"] = err
	}
	for what, err := range denied {
		if !errors.Is(err, publish.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", what, err)
		} else if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "sig=") {
			t.Errorf("%s: the error is no line, or tells the signature: %v", what, err)
		}
	}
}

// errorsToldApart tells what is not there, what is not allowed and what cannot be.
func errorsToldApart(t *testing.T, srv *servers.Azure) {
	srv.MakeContainer(t, nil, "errors", "")
	get := func(container, secret string) error {
		_, err := open(t, srv, container, "", secret).Get(t.Context(), "crl/a.crl")
		return err
	}
	put := func(container, secret string) error {
		_, err := open(t, srv, container, "", secret).Put(t.Context(), storetest.Object("crl/a.crl", nil),
			publish.Condition{IfAbsent: true})
		return err
	}
	wrong := strings.ToLower(srv.Key[:40]) + srv.Key[40:]
	for name, c := range map[string]struct{ err, want error }{
		"no object":            {get("errors", srv.Key), publish.ErrNotFound},
		"no container":         {get("absent", srv.Key), publish.ErrInvalid},
		"no container to fill": {put("absent", srv.Key), publish.ErrInvalid},
		"impossible name":      {get("NO", srv.Key), publish.ErrInvalid},
		"wrong key":            {get("errors", wrong), publish.ErrDenied},
		"wrong key, writing":   {put("errors", wrong), publish.ErrDenied},
	} {
		if !errors.Is(c.err, c.want) || strings.Contains(c.err.Error(), "\n") ||
			strings.Contains(c.err.Error(), wrong) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	gone := *srv
	gone.Endpoint = "http://127.0.0.1:1/" + srv.Account
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := open(t, &gone, "errors", "", srv.SAS("errors", "r")).Get(ctx, "x"); err == nil ||
		errors.Is(err, publish.ErrNotFound) || strings.Contains(err.Error(), "sig=") {
		t.Errorf("nobody listens: %v", err)
	}
}

// leasedBlob finds a blob that somebody holds: no other bytes come, and it is not taken for drift.
func leasedBlob(t *testing.T, srv *servers.Azure) {
	srv.MakeContainer(t, nil, "lease", "")
	s := open(t, srv, "lease", "", srv.Key)
	r, err := s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(1, 1000)),
		publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Do(t, nil, http.MethodPut, "lease/crl/a.crl?comp=lease",
		map[string]string{"x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1"}, "", http.StatusCreated)
	_, err = s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(2, 1000)),
		publish.Condition{IfMatch: r.ETag})
	if !errors.Is(err, publish.ErrDenied) || errors.Is(err, publish.ErrConflict) {
		t.Errorf("writing over a leased blob: %v, want ErrDenied", err)
	}
}
