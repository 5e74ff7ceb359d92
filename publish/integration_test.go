//go:build integration && unix

package publish_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"seihon/publish"
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

// TestRealTargets publishes to S3, Cloud Storage and a directory at once, with
// two publishers racing in each of many rounds.
func TestRealTargets(t *testing.T) {
	for _, layout := range layouts {
		w, responses := newWorld(t), map[int64][]byte{}
		_, s3 := startS3(t, true)
		dir := must(dirstore.Open(t.TempDir(), nil))(t)
		defer dir.Close()
		stores := map[string]publish.Store{"s3": s3, "gcs": startGCS(t), "dir": dir}
		for round := range 50 {
			log := w.signingRun(responses, int64(5+round%3), int64(8+round))
			var wg sync.WaitGroup
			for range 2 {
				c := w.config(log, target("s3", layout, s3), target("gcs", layout, stores["gcs"]), target("dir", layout, dir))
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
