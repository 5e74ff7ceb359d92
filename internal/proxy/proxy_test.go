package proxy

import (
	"net/http"
	"os"
	"testing"
)

// TestForget: whatever spelling the environment has, nothing is left of it but what the configuration says.
func TestForget(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "Https_Proxy", "ALL_PROXY",
		"all_proxy", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "http://stranger.example:1")
	}
	t.Setenv("SEIHON_PROXY_TEST", "stays")
	if err := Through("http://ours.example:8080"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"http_proxy": "", "https_proxy": "", "Https_Proxy": "", "ALL_PROXY": "",
		"all_proxy": "", "no_proxy": "",
		"HTTP_PROXY": "http://ours.example:8080", "HTTPS_PROXY": "http://ours.example:8080",
		"SEIHON_PROXY_TEST": "stays"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for address, want := range map[string]string{"http://store.example/a": "http://ours.example:8080",
		"https://store.example/a":       "http://ours.example:8080",
		"http://169.254.169.254/latest": "", "http://127.0.0.1:9000/": "", "http://localhost/": ""} {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := http.ProxyFromEnvironment(r)
		if err != nil || u == nil && want != "" || u != nil && u.String() != want {
			t.Errorf("%s goes through %v, %v; want %q", address, u, err, want)
		}
	}
	if err := Through(""); err != nil || os.Getenv("HTTP_PROXY") != "" {
		t.Errorf("without a proxy HTTP_PROXY is %q, %v", os.Getenv("HTTP_PROXY"), err)
	}
	if Through("http://a b") == nil {
		t.Error("no URL was taken for a proxy")
	}
}
