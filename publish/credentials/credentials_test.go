package credentials_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"seihon/publish"
	"seihon/publish/credentials"
)

// nothing takes away every place that the chains look into; what is left is a
// metadata service that nobody answers for, as on an on-premises host.
func nothing(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
}

func TestMissingAWSCredentialsSayWhatToDo(t *testing.T) {
	nothing(t)
	c, err := credentials.AWS(t.Context(), "ap-northeast-1", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Credentials.Retrieve(t.Context())
	var missing *credentials.Missing
	if !errors.Is(err, publish.ErrNoCredentials) || !errors.As(err, &missing) {
		t.Fatalf("error = %v, want ErrNoCredentials", err)
	}
	for _, want := range []string{"no AWS credentials in the environment", "AWS_PROFILE", "terraform/README.md"} {
		if !strings.Contains(missing.Error(), want) {
			t.Errorf("%q is not in %q", want, missing)
		}
	}
}

func TestAWSCredentialsOfTheEnvironment(t *testing.T) {
	nothing(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c, err := credentials.AWS(t.Context(), "ap-northeast-1", "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "id" || got.SecretAccessKey != "secret" {
		t.Errorf("credentials of %q: %v", got.AccessKeyID, err)
	}
}

func TestMissingGoogleCredentialsSayWhatToDo(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/none.json")
	_, err := credentials.Google(t.Context(), http.DefaultTransport, "scope")
	if !errors.Is(err, publish.ErrNoCredentials) || !strings.Contains(err.Error(), "no Google credentials") ||
		!strings.Contains(err.Error(), "GOOGLE_APPLICATION_CREDENTIALS, or give") {
		t.Errorf("error = %v", err)
	}
}
