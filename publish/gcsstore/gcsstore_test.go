//go:build integration

package gcsstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"seihon/publish"
	"seihon/publish/gcsstore"
	"seihon/publish/storetest"
	"seihon/publish/storetest/servers"
)

func TestStore(t *testing.T) {
	addr := servers.StartGCS(t)
	for _, prefix := range []string{"", "ca1/"} {
		buckets := 0
		name := "plain"
		if prefix != "" {
			name = "prefix"
		}
		t.Run(name, func(t *testing.T) {
			storetest.Suite{Headers: true, BlindDelete: true, Open: func(t *testing.T) publish.Store {
				buckets++
				bucket := fmt.Sprintf("%s-%d", name, buckets)
				servers.MakeGCSBucket(t, addr, bucket)
				s, err := gcsstore.Open(t.Context(), gcsstore.Config{Bucket: bucket, Prefix: prefix})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}}.Run(t)
		})
	}
}

func TestErrors(t *testing.T) {
	servers.StartGCS(t)
	s, err := gcsstore.Open(t.Context(), gcsstore.Config{Bucket: "absent"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Put(t.Context(), storetest.Object("crl/a.crl", []byte("x")), publish.Condition{IfAbsent: true})
	if !errors.Is(err, publish.ErrInvalid) || errors.Is(err, publish.ErrDenied) ||
		errors.Is(err, publish.ErrNotFound) || !strings.Contains(err.Error(), "bucket doesn't exist") {
		t.Errorf("absent bucket: %v", err)
	}
	o := storetest.Object("crl/a.crl", []byte("x"))
	if _, err := s.Put(t.Context(), o, publish.Condition{IfMatch: "not a generation"}); err == nil {
		t.Error("a tag that is no generation was accepted")
	}
}
