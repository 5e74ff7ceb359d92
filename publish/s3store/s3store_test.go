//go:build integration

package s3store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"seihon/publish"
	"seihon/publish/s3store"
	"seihon/publish/storetest"
	"seihon/publish/storetest/servers"
)

func admin(srv *servers.S3) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &srv.Endpoint, UsePathStyle: true, Region: servers.Region,
		Credentials: credentials.NewStaticCredentialsProvider(servers.AccessKey, servers.SecretKey, ""),
	})
}

func makeBucket(t *testing.T, srv *servers.S3, name string, lock bool) {
	t.Helper()
	_, err := admin(srv).CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: &lock})
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, srv *servers.S3, bucket, prefix string) *s3store.Store {
	t.Helper()
	s, err := s3store.Open(t.Context(), s3store.Config{
		Bucket: bucket, Prefix: prefix, Endpoint: srv.Endpoint, PathStyle: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	for _, v := range []struct {
		name       string
		prefix     string
		versioning bool
	}{{"plain", "", false}, {"prefix", "ca1/", false}, {"versioning", "", true}} {
		t.Run(v.name, func(t *testing.T) {
			servers.Credentials(t, servers.AccessKey, servers.SecretKey)
			srv := servers.StartS3(t, v.versioning)
			buckets := 0
			storetest.Suite{Headers: true, Open: func(t *testing.T) publish.Store {
				buckets++
				bucket := fmt.Sprintf("bucket-%d", buckets)
				makeBucket(t, srv, bucket, false)
				if v.versioning {
					enableVersioning(t, srv, bucket)
				}
				return open(t, srv, bucket, v.prefix)
			}}.Run(t)
		})
	}
}

func enableVersioning(t *testing.T, srv *servers.S3, bucket string) {
	t.Helper()
	_, err := admin(srv).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPutOnlyUser publishes with credentials that can neither list nor delete.
func TestPutOnlyUser(t *testing.T) {
	srv := servers.StartS3(t, false)
	makeBucket(t, srv, "public", false)
	srv.AddUser(t, "publisher", "publisher-secret")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["publisher"]},` +
		`"Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::public/*"}]}`
	if _, err := admin(srv).PutBucketPolicy(t.Context(),
		&s3.PutBucketPolicyInput{Bucket: aws.String("public"), Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	servers.Credentials(t, "publisher", "publisher-secret")
	s := open(t, srv, "public", "")
	content := storetest.Content(1, 1000)
	r, err := s.Put(t.Context(), storetest.Object("crl/a.crl", content), publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(2, 900)),
		publish.Condition{IfMatch: r.ETag}); err != nil {
		t.Fatal(err)
	}
	large := storetest.Content(3, 20<<20)
	if _, err := s.Put(t.Context(), storetest.Object("ocsp/bundles/large", large),
		publish.Condition{IfAbsent: true}); err != nil {
		t.Fatalf("multipart without permission to list or abort: %v", err)
	}
	if err := s.Delete(t.Context(), "crl/a.crl", publish.Condition{IfMatch: r.ETag}); !errors.Is(err,
		publish.ErrDenied) {
		t.Errorf("deleting: %v, want ErrDenied", err)
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, publish.ErrDenied) {
			t.Errorf("listing: %v, want ErrDenied", err)
		}
	}
	_, err = s.Get(t.Context(), "log/checkpoint")
	if !errors.Is(err, publish.ErrNotFound) && !errors.Is(err, publish.ErrDenied) {
		t.Errorf("reading a missing object: %v, want ErrNotFound, or ErrDenied as AWS answers without s3:ListBucket",
			err)
	}
}

// TestObjectLock writes into a bucket whose versions cannot be removed.
func TestObjectLock(t *testing.T) {
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	srv := servers.StartS3(t, true)
	makeBucket(t, srv, "locked", true)
	_, err := admin(srv).PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: aws.String("locked"),
		ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionModeCompliance, Days: aws.Int32(1),
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, srv, "locked", "")
	one, err := s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(1, 900)),
		publish.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	if one.Version == "" {
		t.Error("the receipt has no version")
	}
	if _, err := s.Put(t.Context(), storetest.Object("crl/a.crl", storetest.Content(2, 900)),
		publish.Condition{IfMatch: one.ETag}); err != nil {
		t.Fatalf("replacing: %v", err)
	}
	_, err = admin(srv).DeleteObject(t.Context(), &s3.DeleteObjectInput{
		Bucket: aws.String("locked"), Key: aws.String("crl/a.crl"), VersionId: &one.Version,
	})
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("removing a locked version: %v, want AccessDenied", err)
	}
}

func TestErrors(t *testing.T) {
	srv := servers.StartS3(t, false)
	servers.Credentials(t, "nobody", "wrong")
	s := open(t, srv, "absent", "")
	_, err := s.Put(t.Context(), storetest.Object("crl/a.crl", nil), publish.Condition{IfAbsent: true})
	if !errors.Is(err, publish.ErrDenied) {
		t.Errorf("wrong credentials: %v, want ErrDenied", err)
	}
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	s = open(t, srv, "absent", "")
	_, err = s.Put(t.Context(), storetest.Object("crl/a.crl", nil), publish.Condition{IfAbsent: true})
	if !errors.Is(err, publish.ErrInvalid) {
		t.Errorf("absent bucket: %v, want ErrInvalid", err)
	}
	s = open(t, srv, "b", "")
	if _, err = s.Get(t.Context(), "crl/a.crl"); !errors.Is(err, publish.ErrInvalid) {
		t.Errorf("impossible bucket name: %v, want ErrInvalid", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	closed, err := s3store.Open(ctx, s3store.Config{Bucket: "b", Endpoint: "http://127.0.0.1:1", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Get(ctx, "x"); err == nil || errors.Is(err, publish.ErrNotFound) {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestNoSuchBucketOfAServer asks a real server for a bucket that it does not have.
func TestNoSuchBucketOfAServer(t *testing.T) {
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	s := open(t, servers.StartS3(t, false), "nobucket", "")
	_, get := s.Get(t.Context(), publish.CheckpointName)
	_, put := s.Put(t.Context(), storetest.Object("crl/a.crl", []byte("x")), publish.Condition{IfAbsent: true})
	for what, err := range map[string]error{"get": get, "put": put} {
		if !errors.Is(err, publish.ErrInvalid) || errors.Is(err, publish.ErrDenied) ||
			errors.Is(err, publish.ErrNotFound) || !strings.Contains(err.Error(), "NoSuchBucket") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
