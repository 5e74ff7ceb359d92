//go:build integration && unix

package publish_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"seihon/publish"
	"seihon/publish/azurestore"
	"seihon/publish/dirstore"
	"seihon/publish/gcsstore"
	"seihon/publish/s3store"
	"seihon/publish/storetest/servers"
)

func init() {
	openTarget = func(ctx context.Context, name string) (publish.Store, error) {
		if endpoint, ok := strings.CutPrefix(name, "s3:"); ok {
			return s3store.Open(ctx, s3store.Config{Bucket: "public", Endpoint: endpoint, PathStyle: true})
		}
		return dirstore.Open(name, nil)
	}
}

// load reads a store into a memStore.
func load(t *testing.T, s publish.Store) *memStore {
	t.Helper()
	m := newMemStore()
	for l, err := range s.(publish.Lister).List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		r := must(s.Get(t.Context(), l.Name))(t)
		b := must(io.ReadAll(r))(t)
		r.Close()
		m.objects[l.Name] = memObject{b, r.ContentType + "|" + r.CacheControl}
	}
	return m
}

func startS3(t *testing.T, versioning bool) (name string, s publish.Store) {
	t.Helper()
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	srv := servers.StartS3(t, versioning)
	servers.MakeS3Bucket(t, srv, "public")
	name = "s3:" + srv.Endpoint
	return name, must(openTarget(t.Context(), name))(t)
}

func startGCS(t *testing.T) publish.Store {
	t.Helper()
	addr := servers.StartGCS(t)
	servers.MakeGCSBucket(t, addr, "public")
	s := must(gcsstore.Open(t.Context(), gcsstore.Config{Bucket: "public"}))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func startAzure(t *testing.T) publish.Store {
	t.Helper()
	srv := servers.StartAzure(t)
	srv.MakeContainer(t, nil, "public", "")
	t.Setenv("AZURE_STORAGE_KEY", srv.Key)
	return must(azurestore.Open(azurestore.Config{Account: srv.Account, Container: "public",
		Endpoint: srv.Endpoint}))(t)
}

func TestKillDirectory(t *testing.T) {
	for _, layout := range layouts {
		dir := t.TempDir()
		killRounds(t, 50, layout, dir, func() *memStore { return loadDir(t, dir) })
	}
}

func TestKillS3(t *testing.T) {
	for _, layout := range layouts {
		name, s := startS3(t, false)
		killRounds(t, 50, layout, name, func() *memStore { return load(t, s) })
	}
}

// TestRealTargets publishes to S3, Cloud Storage, Azure and a directory at once, with
// two publishers racing in each of many rounds.
func TestRealTargets(t *testing.T) {
	for _, layout := range layouts {
		w, responses := newWorld(t), map[int64][]byte{}
		_, s3 := startS3(t, true)
		dir := must(dirstore.Open(t.TempDir(), nil))(t)
		defer dir.Close()
		stores := map[string]publish.Store{"s3": s3, "gcs": startGCS(t), "azure": startAzure(t), "dir": dir}
		for round := range 50 {
			log := w.signingRun(responses, int64(5+round%3), int64(8+round))
			var wg sync.WaitGroup
			for range 2 {
				c := w.config(log, target("s3", layout, s3), target("gcs", layout, stores["gcs"]),
					target("azure", layout, stores["azure"]), target("dir", layout, dir))
				wg.Go(func() {
					r, err := publish.Sync(t.Context(), c)
					if err != nil {
						t.Error(err)
						return
					}
					for _, x := range r.Targets {
						if x.Err != nil || !x.Complete || len(x.Findings) > 0 {
							t.Errorf("round %d: %+v", round, x)
						}
					}
				})
			}
			wg.Wait()
			if t.Failed() || round%10 != 9 {
				continue
			}
			for name, s := range stores {
				if err := w.verify(load(t, s), log, layout); err != nil {
					t.Fatalf("round %d, %s: %v", round, name, err)
				}
			}
		}
		r := must(s3.Get(t.Context(), "crl/sub.crl"))(t)
		r.Close()
		if r.ContentType != "application/pkix-crl" || !strings.Contains(r.CacheControl, "max-age=3600") {
			t.Errorf("headers of the CRL: %q, %q", r.ContentType, r.CacheControl)
		}
	}
}

// TestPublicReaders reads what was published as a relying party does: by HTTP,
// without credentials, with no client of S3.
func TestPublicReaders(t *testing.T) {
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	srv := servers.StartS3(t, false)
	servers.MakeS3Bucket(t, srv, "public")
	servers.AllowPublicRead(t, srv, "public")
	s := must(openTarget(t.Context(), "s3:"+srv.Endpoint))(t)
	for _, layout := range layouts {
		w, responses := newWorld(t), map[int64][]byte{}
		log := w.signingRun(responses, 5, 6, 7)
		servers.Empty(t, srv, "public")
		w.sync(w.config(log, target("t", layout, s)))
		object := map[publish.Layout]string{publish.Bundle: "ocsp/sub.generation",
			publish.Objects: ocspName(w, 5)}[layout]
		for name, want := range map[string]struct{ kind, cache string }{
			"crl/sub.crl":          {"application/pkix-crl", "max-age=3600"},
			"cert/sub.cer":         {"application/pkix-cert", "max-age=86400"},
			"index.html":           {"text/html; charset=utf-8", "max-age=3600"},
			publish.CheckpointName: {"text/plain; charset=utf-8", "max-age=60"},
			object: {map[publish.Layout]string{publish.Bundle: "text/plain; charset=utf-8",
				publish.Objects: "application/ocsp-response"}[layout], "max-age="},
		} {
			resp, err := http.Get(srv.Endpoint + "/public/" + name)
			if err != nil {
				t.Fatal(err)
			}
			b := must(io.ReadAll(resp.Body))(t)
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK || len(b) == 0 {
				t.Errorf("%s: %s, %d bytes", name, resp.Status, len(b))
			}
			if got := resp.Header.Get("Content-Type"); got != want.kind {
				t.Errorf("%s: Content-Type %q, want %q", name, got, want.kind)
			}
			if got := resp.Header.Get("Cache-Control"); !strings.Contains(got, want.cache) {
				t.Errorf("%s: Cache-Control %q, want %q in it", name, got, want.cache)
			}
			if expires := resp.Header.Get("Expires"); expires != "" {
				if _, err := http.ParseTime(expires); err != nil {
					t.Errorf("%s: Expires %q is no HTTP date", name, expires)
				}
			}
		}
		if crl, err := http.Get(srv.Endpoint + "/public/crl/sub.crl"); err != nil || crl.Header.Get("Expires") == "" {
			t.Errorf("the CRL has no Expires: %v", err)
		} else {
			crl.Body.Close()
		}
	}
}
