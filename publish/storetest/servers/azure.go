package servers

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// azureVersion is the version of the protocol that this package speaks.
const azureVersion = "2021-12-02"

// An Azure is a running Azurite with one storage account, whose key is made anew.
type Azure struct {
	Endpoint     string // of the blob service, with the account in the path
	Account, Key string
}

// StartAzure starts an Azurite that lives as long as the test. With certificate and
// key it speaks TLS, and takes tokens of Entra ID, whose signature it does not check.
func StartAzure(t testing.TB, tls ...string) *Azure {
	t.Helper()
	secret := make([]byte, 64)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	a := &Azure{Account: "repository", Key: base64.StdEncoding.EncodeToString(secret)}
	t.Setenv("AZURITE_ACCOUNTS", a.Account+":"+a.Key)
	addr := freePort(t)
	host, port, _ := net.SplitHostPort(addr)
	args := []string{"--silent", "--disableTelemetry", "--inMemoryPersistence", "--blobHost", host, "--blobPort", port}
	scheme := "http"
	if len(tls) == 2 {
		scheme, args = "https", append(args, "--oauth", "basic", "--cert", tls[0], "--key", tls[1])
	}
	start(t, addr, "azurite-blob", args...)
	a.Endpoint = scheme + "://" + addr + "/" + a.Account
	return a
}

// MakeContainer makes an empty container; public is "" for nobody, blob, or container, which allows listing as well.
func (a *Azure) MakeContainer(t testing.TB, client *http.Client, name, public string) {
	t.Helper()
	headers := map[string]string{}
	if public != "" {
		headers["x-ms-blob-public-access"] = public
	}
	a.Do(t, client, http.MethodPut, name+"?restype=container", headers, "", http.StatusCreated)
}

// Do sends a request that the account's key signs and wants that status. It returns the answer's headers and body.
func (a *Azure) Do(t testing.TB, client *http.Client, method, path string, headers map[string]string, body string,
	status int) (http.Header, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, a.Endpoint+"/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		q.Header.Set(name, value)
	}
	q.Header.Set("x-ms-date", time.Now().UTC().Format(http.TimeFormat))
	q.Header.Set("x-ms-version", azureVersion)
	q.Header.Set("Authorization", "SharedKey "+a.Account+":"+a.sign(sharedKeyText(a.Account, q)))
	resp, err := cmp.Or(client, http.DefaultClient).Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s, %v\n%s", method, path, resp.Status, err, answer)
	}
	return resp.Header, answer
}

func (a *Azure) sign(text string) string {
	key, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil {
		panic(err) // we made it
	}
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// sharedKeyText is what Azure wants to be signed of a request.
func sharedKeyText(account string, q *http.Request) string {
	length := ""
	if q.ContentLength > 0 {
		length = fmt.Sprint(q.ContentLength)
	}
	h := q.Header
	lines := []string{q.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"),
		h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"),
		h.Get("Range")}
	for _, name := range sorted(h) {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-ms-") {
			lines = append(lines, low+":"+h.Get(name))
		}
	}
	lines = append(lines, "/"+account+q.URL.EscapedPath())
	query := q.URL.Query()
	for _, name := range sorted(query) {
		lines = append(lines, name+":"+query.Get(name))
	}
	return strings.Join(lines, "\n")
}

// SAS returns a shared access signature for one container, good for an hour, with these permissions, such as "rcw"
// (read, create, write).
func (a *Azure) SAS(container, permissions string) string {
	expiry := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	text := strings.Join([]string{permissions, "", expiry, "/blob/" + a.Account + "/" + container,
		"", "", "", azureVersion, "c", "", "", "", "", "", "", ""}, "\n")
	return url.Values{"sv": {azureVersion}, "sr": {"c"}, "sp": {permissions}, "se": {expiry},
		"sig": {a.sign(text)}}.Encode()
}

func sorted[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m),
		func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
}
