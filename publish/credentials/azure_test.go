package credentials_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"seihon/publish"
	"seihon/publish/credentials"
)

var azureKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64)))

const azureSAS = "?sv=2021-12-02&sr=c&sp=rcw&sig=bm90LWEtcmVhbC1vbmU%3D"

// noAzure takes away every place that is looked into.
func noAzure(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_FEDERATED_TOKEN_FILE",
		"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
		"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT",
		"CREDENTIALS_DIRECTORY"} {
		t.Setenv(name, "")
	}
}

func azureFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "access")
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAzureSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		from     credentials.AzureFrom
		variable string
		key, sas string
	}{
		"a key in a file": {from: credentials.AzureFrom{File: azureFile(t, azureKey+"\n", 0o600)},
			key: azureKey},
		"a signature in a file": {from: credentials.AzureFrom{File: azureFile(t, azureSAS+"\n", 0o600)},
			sas: "bm90LWEtcmVhbC1vbmU="},
		"a key in the environment": {variable: "AZURE_STORAGE_KEY=" + azureKey, key: azureKey},
		"a signature there":        {variable: "AZURE_STORAGE_SAS_TOKEN=" + azureSAS, sas: "bm90LWEtcmVhbC1vbmU="},
		"the file before a variable": {from: credentials.AzureFrom{File: azureFile(t, azureKey, 0o600)},
			variable: "AZURE_STORAGE_SAS_TOKEN=" + azureSAS, key: azureKey},
	} {
		t.Run(name, func(t *testing.T) {
			noAzure(t)
			if variable, value, ok := strings.Cut(c.variable, "="); ok {
				t.Setenv(variable, value)
			}
			got, err := credentials.Azure(c.from, http.DefaultTransport)
			if err != nil || got.Key != c.key || got.SAS.Get("sig") != c.sas || got.Token != nil {
				t.Errorf("key %t, signature %t, token %t, %v", got.Key != "", got.SAS != nil, got.Token != nil, err)
			}
		})
	}
	t.Run("a credential of systemd", func(t *testing.T) {
		noAzure(t)
		t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(azureFile(t, azureKey, 0o440))) // as systemd gives it to a user
		got, err := credentials.Azure(credentials.AzureFrom{Credential: "access"}, http.DefaultTransport)
		if err != nil || got.Key != azureKey {
			t.Errorf("key %t, %v", got.Key != "", err)
		}
	})
}

// TestBadAzureSecrets are refused in a sentence that says what to do and repeats nothing of them.
func TestBadAzureSecrets(t *testing.T) {
	noAzure(t)
	for name, c := range map[string]struct{ file, says string }{
		"readable by others": {azureFile(t, azureKey, 0o644), "make it 0600"},
		"no key":             {azureFile(t, "hunter2-hunter2", 0o600), "neither a key of a storage account"},
		"an address": {azureFile(t, "https://a.blob.core.windows.net/c?sv=1&sig=hunter2", 0o600),
			"without the address"},
		"missing":  {filepath.Join(t.TempDir(), "none"), "no such file"},
		"too long": {azureFile(t, strings.Repeat("hunter2", 2000), 0o600), "is longer than"},
	} {
		_, err := credentials.Azure(credentials.AzureFrom{File: c.file}, http.DefaultTransport)
		if !errors.Is(err, publish.ErrNoCredentials) || !strings.Contains(err.Error(), c.says) ||
			!strings.Contains(err.Error(), "docs/azure.md") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestAzureManagedIdentity asks the endpoint that a host with an identity has; this one is App Service's, which the
// environment names.
func TestAzureManagedIdentity(t *testing.T) {
	noAzure(t)
	asked := ""
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked = q.Header.Get("X-IDENTITY-HEADER") + " " + q.URL.Query().Get("resource") + " " +
			q.URL.Query().Get("client_id")
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "token", "token_type": "Bearer",
			"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix())})
	}))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "header")
	t.Setenv("AZURE_CLIENT_ID", "some-client")
	access, err := credentials.Azure(credentials.AzureFrom{}, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	got, err := access.Token.GetToken(t.Context(),
		policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
	if err != nil || got.Token != "token" || asked != "header https://storage.azure.com some-client" {
		t.Errorf("token of %d bytes after asking %q: %v", len(got.Token), asked, err)
	}
}

// TestMissingAzureCredentials says in one line what to do, for each of the ways, and follows no redirect.
func TestMissingAzureCredentials(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		q *http.Request) {
		http.Redirect(w, q, other.URL, http.StatusFound)
	}))
	defer endpoint.Close()
	for name, c := range map[string]struct {
		environment map[string]string
		says        string
	}{
		"a federated token without a tenant": {map[string]string{"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"},
			"the workload identity"},
		"a principal without a tenant": {map[string]string{"AZURE_CLIENT_ID": "id",
			"AZURE_CLIENT_SECRET": "hunter2"}, "the service principal"},
		"an endpoint that redirects": {map[string]string{"IDENTITY_ENDPOINT": endpoint.URL,
			"IDENTITY_HEADER": "hunter2"}, "the managed identity of this host"},
	} {
		t.Run(name, func(t *testing.T) {
			noAzure(t)
			for k, v := range c.environment {
				t.Setenv(k, v)
			}
			access, err := credentials.Azure(credentials.AzureFrom{}, http.DefaultTransport)
			if err == nil {
				_, err = access.Token.GetToken(t.Context(),
					policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
			}
			if !errors.Is(err, publish.ErrNoCredentials) || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(err.Error(), "docs/azure.md") ||
				strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v", err)
			}
		})
	}
	if elsewhere > 0 {
		t.Errorf("%d requests went where a redirect said", elsewhere)
	}
}
