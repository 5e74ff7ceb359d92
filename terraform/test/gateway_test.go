//go:build integration

package terraform_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Regions that the two services expect in signatures.
var gatewayRegions = map[string]string{"iam": "us-east-1", "s3": "ap-northeast-1"}

// A gateway is a versitygw with its IAM service: an S3 that obeys IAM policies.
type gateway struct {
	s3, iam string // endpoints
	admin   aws.Credentials
}

func startGateway(t testing.TB) *gateway {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"data", "versions", "iam"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// A socket's path must be short; that of a test's folder is not.
	short, err := os.MkdirTemp("", "iam")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "s")
	g := &gateway{admin: aws.Credentials{AccessKeyID: "admin", SecretAccessKey: "adminadmin"}}
	common := []string{"--quiet", "--access", g.admin.AccessKeyID, "--secret", g.admin.SecretAccessKey, "--port"}
	program := tool(t, "versitygw")

	iam := freeAddress(t)
	start(t, iam, program, append(common[:len(common):len(common)], iam, "iam", "--dir", filepath.Join(dir, "iam"),
		"--private-ports", socket)...)
	s3 := freeAddress(t)
	start(t, s3, program, append(common[:len(common):len(common)], s3, "--region", gatewayRegions["s3"],
		"--iam-standalone-endpoint", socket, "--iam-cache-disable",
		"posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data"))...)
	g.iam, g.s3 = "http://"+iam, "http://"+s3
	return g
}

// user makes an identity that these policies, and nothing else, allow something.
func (g *gateway) user(t testing.TB, name string, policies map[string]string) aws.Credentials {
	t.Helper()
	g.call(t, url.Values{"Action": {"CreateUser"}, "UserName": {name}}, nil)
	for id, document := range policies {
		g.call(t,
			url.Values{"Action": {"PutUserPolicy"}, "UserName": {name}, "PolicyName": {id},
				"PolicyDocument": {document}}, nil)
	}
	var answer struct {
		Key struct{ AccessKeyId, SecretAccessKey string } `xml:"CreateAccessKeyResult>AccessKey"`
	}
	g.call(t, url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}}, &answer)
	return aws.Credentials{AccessKeyID: answer.Key.AccessKeyId, SecretAccessKey: answer.Key.SecretAccessKey}
}

// call asks the IAM service.
func (g *gateway) call(t testing.TB, form url.Values, answer any) {
	t.Helper()
	form.Set("Version", "2010-05-08")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.iam+"/", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := sign(req, g.admin, "iam", []byte(form.Encode())); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%s", form.Get("Action"), resp.Status, err, body)
	}
	if answer != nil {
		if err := xml.Unmarshal(body, answer); err != nil {
			t.Fatal(err)
		}
	}
}

// do sends one signed request to S3 and returns the status.
func (g *gateway) do(t testing.TB, who aws.Credentials, method, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.s3+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte(body)) // S3 wants it with changes of locks
	req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	if err := sign(req, who, "s3", []byte(body)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the status is the answer
	return resp.StatusCode
}

func sign(req *http.Request, who aws.Credentials, service string, body []byte) error {
	sum := sha256.Sum256(body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(context.Background(), who, req, hex.EncodeToString(sum[:]), service, gatewayRegions[service],
			time.Now())
}

// A statement is as much of an IAM statement as the tests need.
type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string]any `json:",omitempty"`
}

func statements(t testing.TB, document string) []statement {
	t.Helper()
	var d struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("parsing a policy: %v\n%s", err, document)
	}
	return d.Statement
}

// withoutPrincipal turns a statement of a bucket policy into an identity's policy.
func withoutPrincipal(t testing.TB, document, sid string) string {
	t.Helper()
	for _, s := range statements(t, document) {
		if s.Sid == sid {
			s.Condition = nil
			text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []statement{s}})
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	t.Fatalf("the policy has no statement %s", sid)
	return ""
}

// edge stands for the distribution: it takes anonymous plain http and reads the
// bucket with the rights that the rendered bucket policy gives CloudFront.
func edge(t testing.TB, g *gateway, bucket string, who aws.Credentials) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		path := r.URL.Path
		if path == "/" {
			path = "/index.html"
		}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, g.s3+"/"+bucket+path, nil)
		if err == nil {
			err = sign(req, who, "s3", nil)
		}
		var resp *http.Response
		if err == nil {
			resp, err = http.DefaultClient.Do(req)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control", "Expires", "Etag",
			"Last-Modified"} {
			if value := resp.Header.Get(name); value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body) // the reader sees a cut
	}))
	t.Cleanup(server.Close)
	return server
}

// guard stands in front of the gateway and enforces the rendered deny statements
// on conditional writes, whose keys versitygw does not know.
func guard(t testing.TB, g *gateway, bucketPolicy string) (endpoint string, refused func() []string) {
	t.Helper()
	var denies []statement
	for _, s := range statements(t, bucketPolicy) {
		if s.Effect == "Deny" && s.Condition["Null"] != nil {
			denies = append(denies, s)
		}
	}
	if len(denies) != 2 {
		t.Fatalf("the bucket policy has %d statements on conditional writes, want 2", len(denies))
	}
	upstream, err := url.Parse(g.s3)
	if err != nil {
		t.Fatal(err)
	}
	var lock sync.Mutex
	var names []string
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		creates := r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "" ||
			r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
		for _, s := range denies {
			if creates && s.denies(r) {
				lock.Lock()
				names = append(names, s.Sid+" "+r.URL.Path)
				lock.Unlock()
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w,
					"<Error><Code>AccessDenied</Code><Message>explicit deny in a resource-based "+
						"policy</Message></Error>")
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return names
	}
}

// denies evaluates a statement whose conditions are Null on request headers.
func (s statement) denies(r *http.Request) bool {
	for key := range s.Condition["Null"] {
		if r.Header.Get(strings.TrimPrefix(key, "s3:")) != "" {
			return false
		}
	}
	for _, pattern := range s.Resource {
		prefix, _ := strings.CutSuffix(strings.TrimPrefix(pattern, "arn:aws:s3:::"), "*")
		if strings.HasPrefix(r.URL.Path, "/"+prefix) {
			return true
		}
	}
	return false
}

// run starts a program in a folder with an environment and returns its output and exit code.
func run(t testing.TB, dir string, env []string, program string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
