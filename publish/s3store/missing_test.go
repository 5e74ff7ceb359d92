package s3store_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/publish"
	"seihon/publish/s3store"
)

// TestMissingCredentials is a host that nobody gave credentials: the first sentence says so, both ways through the SDK.
func TestMissingCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	s, err := s3store.Open(t.Context(),
		s3store.Config{Bucket: "b", Region: "ap-northeast-1", Endpoint: "http://127.0.0.1:1", PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	_, getErr := s.Get(t.Context(), "log/checkpoint")
	_, putErr := s.Put(t.Context(), publish.Object{Name: "x", Body: publish.Bytes(nil), SHA256: artifact.Sum(nil)},
		publish.Condition{IfAbsent: true})
	for _, err := range []error{getErr, putErr} {
		if !errors.Is(err, publish.ErrNoCredentials) ||
			!strings.Contains(err.Error(), `"b": no AWS credentials in the environment`) {
			t.Errorf("error = %v", err)
		}
	}
}
