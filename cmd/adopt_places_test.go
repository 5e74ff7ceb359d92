//go:build integration

package cmd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/publish"
	"seihon/publish/dirstore"
	"seihon/publish/gcsstore"
	"seihon/publish/storetest"
	"seihon/publish/storetest/servers"
)

// An oldPlace is where an old repository lies.
type oldPlace struct {
	target  string // the target's lines in the configuration
	source  []string
	address string // where clients ask
	store   func(dir string) (publish.Store, error)
	serve   func(dir string) // begins to answer at the address
}

// TestAdoptElsewhere takes over a bucket of Google Cloud Storage, and the root of a plain web server, while clients
// ask: what they get under the old names is whole and never older, what must go goes, and all is proven.
// TestAdoptWhileClientsPoll does so in S3.
func TestAdoptElsewhere(t *testing.T) {
	places := map[string]func(t *testing.T) oldPlace{"gcs": oldGCS, "web root": oldWebRoot}
	for name, open := range places {
		t.Run(name, func(t *testing.T) { adoptElsewhere(t, open(t)) })
	}
}

func oldGCS(t *testing.T) oldPlace {
	addr := servers.StartGCS(t)
	servers.MakeGCSBucket(t, addr, "old")
	address := "http://" + addr + "/old"
	return oldPlace{
		target: "gcs: {bucket: old}\n    url: " + address, source: []string{"--source", address, "--list"},
		address: address,
		store: func(string) (publish.Store, error) {
			return gcsstore.Open(t.Context(), gcsstore.Config{Bucket: "old"})
		},
		serve: func(string) {},
	}
}

func oldWebRoot(t *testing.T) oldPlace {
	var root string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(root)).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return oldPlace{
		target: "directory: web", address: server.URL,
		store: func(dir string) (publish.Store, error) { return dirstore.Open(filepath.Join(dir, "web"), nil) },
		serve: func(dir string) { root = filepath.Join(dir, "web") },
	}
}

func adoptElsewhere(t *testing.T, place oldPlace) {
	dir, conf := oldRepository(t, place.target)
	store, err := place.store(dir)
	if err != nil {
		t.Fatal(err)
	}
	old := oldNames(t, dir)
	var junk []string
	for i := range 40 {
		junk = append(junk, fmt.Sprintf("archive/%04d/SubCA.crl.bak", i))
		old[junk[i]] = old["crl/sub.crl"]
	}
	for name, b := range old {
		if _, err := store.Put(t.Context(), storetest.Object(name, b), publish.Condition{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
	}
	place.serve(dir)
	run(t, "signer", "crl", "--quiet", "--issuer", "sub", "--config", conf)
	p := newPoller(place.address, "crl/sub.crl", "CertEnroll/Sub%20CA.crl", "pki/SubCA.crl", "pki/SubCA.crt",
		"cert/root.cer")
	p.every = 10 * time.Millisecond // all of it may take half a second
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := p.start(ctx)
	publisher := publisherOf(t, conf)
	if out := publisher(3, "adopt", "--target", "old", "--dry-run"); !strings.Contains(out,
		fmt.Sprintf("old: %d objects", len(old))) || !strings.Contains(out, "nothing was recorded") {
		t.Errorf("adopt --dry-run:\n%.2000s", out)
	}
	publisher(3, "adopt", "--target", "old", "--yes")
	publisher(0, "sync")
	run(t, "signer", "crl", "--quiet", "--issuer", "sub", "--config", conf)
	publisher(0, "sync")
	list := filepath.Join(dir, "gone.txt")
	if err := os.WriteFile(list, []byte(strings.Join(junk, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	publisher(0, "adopt", "--target", "old", "--remove", list, "--yes")
	_ = os.RemoveAll(filepath.Join(dir, "web/archive")) // empty folders stay where they were
	publisher(0, append([]string{"verify"}, place.source...)...)
	stop()
	<-done
	p.judge(t)
}
