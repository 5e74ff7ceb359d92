package redirect

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	t.Parallel()
	const none, never, samehost, anywhere = "none", "never", "same host", "anywhere"
	follows := map[string]func(*http.Request, []*http.Request) error{none: None, never: Never, samehost: SameHost,
		anywhere: Anywhere}
	for _, c := range []struct {
		way  string // addresses, the last is where the answer sends the client
		want map[string]string
	}{
		{"http://a/x http://a/y", map[string]string{}},
		{"http://a/x https://a/x", map[string]string{}},
		{"http://a:80/x https://a:443/x", map[string]string{}},
		{"http://a/x http://a:8080/x", map[string]string{samehost: "to another host, http://a:8080/x"}},
		{"http://a/x http://b/x", map[string]string{samehost: "to another host, http://b/x: nothing was asked there"}},
		{"http://a/x http://a.b/x", map[string]string{samehost: "to another host"}},
		{"http://a/x http://b/x?token=1", map[string]string{samehost: "http://b/x:"}},
		{"https://a/x http://a/x", map[string]string{samehost: "from https to http", anywhere: "from https to http"}},
		{"http://a/x https://a/x http://a/y",
			map[string]string{samehost: "from https to http", anywhere: "from https to http"}},
		{"http://a/x file:///etc/passwd",
			map[string]string{samehost: `the scheme "file"`, anywhere: `the scheme "file"`}},
		{"http://a/x http://a/y http://a/x", map[string]string{samehost: "in a circle", anywhere: "in a circle"}},
		{"http://a/1 http://a/2 http://a/3 http://a/4 http://a/5 http://a/6", map[string]string{}},
		{"http://a/1 http://a/2 http://a/3 http://a/4 http://a/5 http://a/6 http://a/7",
			map[string]string{samehost: "more than 5 times", anywhere: "more than 5 times"}},
	} {
		var via []*http.Request
		for _, address := range strings.Fields(c.way) {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			via = append(via, q)
		}
		next, via := via[len(via)-1], via[:len(via)-1]
		for name, follow := range follows {
			err := follow(next, via)
			var refused *Refused
			switch want := c.want[name]; {
			case name == none:
				if !errors.Is(err, http.ErrUseLastResponse) {
					t.Errorf("%s: %s: %v, want the answer itself", c.way, name, err)
				}
			case name == never:
				if !errors.As(err, &refused) || refused.To.Host != next.URL.Host {
					t.Errorf("%s: %s: %v, want a refusal", c.way, name, err)
				}
			case want == "" && err != nil:
				t.Errorf("%s: %s: %v", c.way, name, err)
			case want != "" &&
				(!errors.As(err, &refused) || !strings.Contains(err.Error(), want) ||
					strings.Contains(err.Error(), "token")):
				t.Errorf("%s: %s: %v, want %q", c.way, name, err, want)
			}
		}
	}
}
