//go:build integration

package cmd_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/publish/storetest/servers"
)

// An azureHost publishes to an Azurite over TLS.
type azureHost struct {
	t           *testing.T
	conf        string
	secrets     []string // that no output may show
	environment []string
}

// publisher runs a command and returns its exit code and what it said.
func (h *azureHost) publisher(args ...string) (int, string) {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "publisher", append(args, "--config", h.conf)...)
	cmd.Env = append(os.Environ(), h.environment...)
	out, _ := cmd.CombinedOutput() // the code says it
	for _, s := range h.secrets {
		if strings.Contains(string(out), s) {
			h.t.Errorf("publisher %s shows a secret", strings.Join(args, " "))
		}
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// want runs a command and compares its exit code and its words.
func (h *azureHost) want(code int, words string, args ...string) {
	h.t.Helper()
	if got, out := h.publisher(args...); got != code || !strings.Contains(out, words) {
		h.t.Errorf("publisher %s: exit code %d, want %d and %q\n%s", strings.Join(args, " "), got, code, words, out)
	}
}

// TestAzureTarget publishes with the managed identity of the host, lets the auditor list and read, and then takes away
// one thing after the other: the container, the right, the identity, the secrecy of the file.
func TestAzureTarget(t *testing.T) {
	ca, dir := newTLSCA(t), copyGolden(t)
	known, cert, key := ca.filesFor(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	srv := servers.StartAzure(t, cert, key)
	srv.MakeContainer(t, client, "public", "container")
	srv.MakeContainer(t, client, "empty", "")
	token := unsignedToken(t)
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Identity-Header") != "header-of-the-host" {
			w.WriteHeader(http.StatusForbidden)
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token, "token_type": "Bearer",
			"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix())})
	}))
	defer identity.Close()
	url := srv.Endpoint + "/public"
	target := fmt.Sprintf("azure: {account: %s, container: public, endpoint: %q}", srv.Account, srv.Endpoint)
	h := &azureHost{
		t: t, conf: filepath.Join(dir, "repository.yaml"), secrets: []string{token, srv.Key, "header-of-the-host"},
		environment: []string{"SSL_CERT_FILE=" + known, "IDENTITY_ENDPOINT=" + identity.URL,
			"IDENTITY_HEADER=header-of-the-host"},
	}
	appendTo(t, h.conf, fmt.Sprintf("  - {name: azure, url: %q, %s}\n", url, target))
	h.want(0, "size 0 → ", "plan", "--target", "azure")
	h.want(0, "azure: sent ", "sync")
	h.want(0, "azure: nothing to send", "sync")
	h.want(0, "", "verify", "--source", url, "--list")
	srv.Do(t, client, http.MethodPut, "public/img/logo.png", map[string]string{"x-ms-blob-type": "BlockBlob"},
		keyIn(t, dir), http.StatusCreated)
	h.want(3, "img/logo.png", "verify", "--source", url, "--list")

	right, err := os.ReadFile(h.conf)
	must(t, err)
	file := filepath.Join(t.TempDir(), "access")
	for name, c := range map[string]struct {
		target      string
		access      string
		mode        os.FileMode
		environment string
		says        string
	}{
		"no container": {target: strings.Replace(target, "container: public", "container: absent", 1),
			says: "store refuses the request: Azure answers 404 ContainerNotFound"},
		"no right": {target: strings.Replace(target, "container: public", "container: empty", 1),
			access: srv.SAS("empty", "r"), mode: 0o600, says: "permission denied: Azure answers 403"},
		"an open secret": {access: srv.Key, mode: 0o644, says: "make it 0600"},
		"no identity": {environment: "IDENTITY_ENDPOINT=http://127.0.0.1:1",
			says: "no Azure credentials in the environment and the managed identity of this host"},
	} {
		t.Run(name, func(t *testing.T) {
			one := *h
			one.t = t
			at := target
			if c.target != "" {
				at = c.target
			}
			if c.access != "" {
				must(t, os.RemoveAll(file))
				must(t, os.WriteFile(file, []byte(c.access), c.mode))
				at = strings.Replace(at, "container: ", "access_file: "+file+", container: ", 1)
				one.secrets = append(one.secrets, c.access, "sig=")
			}
			one.environment = append(one.environment[:len(one.environment):len(one.environment)], c.environment)
			must(t,
				os.WriteFile(h.conf, []byte(strings.Replace(string(right), target, at+", layout: objects", 1)), 0o600))
			one.want(1, c.says, "sync", "--target", "azure")
		})
	}
}

// filesFor writes the CA's certificate, and a certificate for 127.0.0.1 with its key.
func (ca *tlsCA) filesFor(t *testing.T) (known, cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &ca.key.PublicKey, ca.key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(ca.key)
	must(t, err)
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return file
	}
	return write("ca.pem", "CERTIFICATE", ca.cert.Raw), write("cert.pem", "CERTIFICATE", der), write("key.pem",
		"PRIVATE KEY", private)
}

// unsignedToken is what Azurite takes for a token of Entra ID: it looks at issuer, audience and times, and at no
// signature.
func unsignedToken(t *testing.T) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		must(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now().Unix()
	return part(map[string]string{"typ": "JWT", "alg": "RS256"}) + "." + part(map[string]any{
		"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
		"iat": now - 60, "nbf": now - 60, "exp": now + 3600,
	}) + "." + base64.RawURLEncoding.EncodeToString([]byte("no signature"))
}

// keyIn is a private key, which nobody may publish.
func keyIn(t *testing.T, dir string) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "ca/good.key"))
	must(t, err)
	return string(key)
}
