package credentials

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"seihon/internal/secret"
)

// AzureFrom says where the secret of a storage account lies; all empty: the
// environment, and then the identity of the host.
type AzureFrom struct {
	File       string // with a key of the account, or a shared access signature; mode 0600
	Credential string // of systemd, with the same
}

// An AzureAccess is one way into a storage account; exactly one field is set.
type AzureAccess struct {
	Key   string // of the account, in base64: allows everything
	SAS   url.Values
	Token azcore.TokenCredential // of Microsoft Entra ID
}

// maxAzureSecret is more than a key and the longest signature need.
const maxAzureSecret = 8 << 10

// Azure finds the way into a storage account: what the configuration names, the
// variables of the Azure CLI, and else a token of Microsoft Entra ID. Which of
// Entra's identities it is follows from the environment alone, as the SDK names
// it: AZURE_FEDERATED_TOKEN_FILE is workload identity, AZURE_CLIENT_SECRET or
// AZURE_CLIENT_CERTIFICATE_PATH a service principal, and neither the managed
// identity of the host. The SDK's default chain is not used: it also starts
// programs.
func Azure(from AzureFrom, transport http.RoundTripper) (AzureAccess, error) {
	for _, s := range []struct {
		where string
		read  func() ([]byte, error)
		given bool
	}{
		{from.File, func() ([]byte, error) { return secret.File(from.File, maxAzureSecret) }, from.File != ""},
		{"the credential " + from.Credential,
			func() ([]byte, error) { return secret.Credential(from.Credential, maxAzureSecret) },
			from.Credential != ""},
		fromEnvironment("AZURE_STORAGE_KEY"),
		fromEnvironment("AZURE_STORAGE_SAS_TOKEN"),
	} {
		if !s.given {
			continue
		}
		b, err := s.read()
		if err != nil {
			return AzureAccess{}, noAzure(s.where, err)
		}
		access, err := azureSecret(string(b))
		if err != nil {
			return AzureAccess{}, noAzure(s.where, err)
		}
		return access, nil
	}
	token, where, err := entra(transport)
	if err != nil {
		return AzureAccess{}, noAzure(where, err)
	}
	return AzureAccess{Token: explainedToken{token, where}}, nil
}

func fromEnvironment(name string) (s struct {
	where string
	read  func() ([]byte, error)
	given bool
}) {
	value := os.Getenv(name)
	s.where, s.given = "the variable "+name, value != ""
	s.read = func() ([]byte, error) { return []byte(value), nil }
	return s
}

// azureSecret tells a shared access signature, which is a query, from a key. No
// error repeats a part of either.
func azureSecret(text string) (AzureAccess, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "?")
	if strings.Contains(text, "sig=") {
		sas, err := url.ParseQuery(text)
		if err != nil || sas.Get("sig") == "" || sas.Get("sv") == "" {
			return AzureAccess{},
				errors.New("it is no shared access signature: give the query alone, sv=…&…&sig=…, without the address")
		}
		return AzureAccess{SAS: sas}, nil
	}
	if b, err := base64.StdEncoding.DecodeString(text); err != nil || len(b) < 32 {
		return AzureAccess{},
			errors.New("it is neither a key of a storage account (base64) nor a shared access signature (sv=…&sig=…)")
	}
	return AzureAccess{Key: text}, nil
}

// entra makes the credential that the environment names.
func entra(transport http.RoundTripper) (token azcore.TokenCredential, where string, err error) {
	options := azcore.ClientOptions{
		Transport: &http.Client{Transport: Stay(transport)},
		// A host without a metadata service must say so in seconds, not in minutes.
		Retry: policy.RetryOptions{MaxRetries: 2, TryTimeout: 5 * time.Second, RetryDelay: 500 * time.Millisecond,
			MaxRetryDelay: 2 * time.Second},
	}
	switch {
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		token, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: options})
		return token, "the workload identity (AZURE_FEDERATED_TOKEN_FILE)", err
	case os.Getenv("AZURE_CLIENT_SECRET") != "" || os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH") != "":
		token, err = azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: options})
		return token, "the service principal of the environment (AZURE_CLIENT_ID)", err
	}
	managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if id := os.Getenv("AZURE_CLIENT_ID"); id != "" {
		managed.ID = azidentity.ClientID(id)
	}
	token, err = azidentity.NewManagedIdentityCredential(managed)
	return token, "the environment and the managed identity of this host", err
}

// explainedToken is a credential whose failure says what to do.
type explainedToken struct {
	azcore.TokenCredential
	where string
}

func (e explainedToken) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := e.TokenCredential.GetToken(ctx, o)
	if err == nil || ctx.Err() != nil {
		return t, err
	}
	return t, noAzure(e.where, oneLine{err})
}

func noAzure(where string, err error) *Missing {
	return &Missing{
		Cloud: "Azure", Where: where, Err: err,
		Do: "name a file in access_file of the target, or give the host an identity (docs/azure.md)",
	}
}

// oneLine is an error whose text, which Azure's library draws as a small page, is one line.
type oneLine struct{ error }

func (o oneLine) Error() string {
	const most = 300
	text := strings.Join(strings.Fields(strings.ReplaceAll(o.error.Error(), "--", "")), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}

func (o oneLine) Unwrap() error { return o.error }

// Append puts a shared access signature into the query of each request, below
// Go's client, whose errors repeat the address that they were given.
func Append(next http.RoundTripper, sas url.Values) http.RoundTripper {
	return appending{next, sas.Encode()}
}

type appending struct {
	next http.RoundTripper
	sas  string
}

func (a appending) RoundTrip(q *http.Request) (*http.Response, error) {
	signed := q.Clone(q.Context())
	if signed.URL.RawQuery != "" {
		signed.URL.RawQuery += "&"
	}
	signed.URL.RawQuery += a.sas
	resp, err := a.next.RoundTrip(signed)
	if resp != nil {
		resp.Request = q // what is said of an answer names its request
	}
	return resp, err
}
