package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Telemetry pushes traces, figures and logs of `publisher` to an OpenTelemetry collector: OTLP over HTTP, from inside
// out. Without this section nothing of it runs. The signer ignores it: the signing room has no way out.
type Telemetry struct {
	// Endpoint is the collector's base address, such as https://collector.example:4318. Only a collector on the host
	// itself is spoken to by http when headers are sent.
	Endpoint string `yaml:"endpoint"`
	// Signals that are pushed: traces, metrics, logs; default all three.
	Signals []string `yaml:"signals"`
	// HeadersFile holds what the collector wants to know us by, as lines "Name: value"; mode 0600.
	HeadersFile Path `yaml:"headers_file"`
	// HeadersCredential is the name of a systemd credential with the same content.
	HeadersCredential string `yaml:"headers_credential"`
	// Interval between two pushes of figures by `publisher serve`; default 1m. Other commands push once, at their end.
	Interval Duration `yaml:"interval"`
	// Requests says that `publisher serve` makes a trace of one request in so many; default 0: of none.
	Requests int `yaml:"requests"`
}

// signals are what can be pushed.
var signals = []string{"traces", "metrics", "logs"}

func (t *Telemetry) setDefaults() {
	if t == nil {
		return
	}
	if len(t.Signals) == 0 {
		t.Signals = signals
	}
	setDefault(&t.Interval, Duration(time.Minute))
}

func (v *validator) telemetry(t *Telemetry) {
	if t == nil {
		return
	}
	v.anyURL("telemetry.endpoint", t.Endpoint)
	u, err := url.Parse(t.Endpoint)
	secret := t.HeadersFile != "" || t.HeadersCredential != ""
	switch {
	case err != nil:
	case u.RawQuery != "" || strings.HasSuffix(t.Endpoint, "/"):
		v.add("telemetry.endpoint",
			"is %q, must have no query and no trailing slash; /v1/traces and so on are appended", t.Endpoint)
	case secret && u.Scheme == "http" && !loopback(u.Hostname()):
		v.add("telemetry.endpoint", "is %q, must be https: the headers would cross the network in the clear",
			t.Endpoint)
	}
	for i, s := range t.Signals {
		if !slices.Contains(signals, s) || slices.Contains(t.Signals[:i], s) {
			v.add(fmt.Sprintf("telemetry.signals[%d]", i), "is %q, must be one of %s, and once", s,
				strings.Join(signals, ", "))
		}
	}
	if t.HeadersFile != "" && t.HeadersCredential != "" {
		v.add("telemetry.headers_file", "and headers_credential are both set; keep one")
	}
	if c := t.HeadersCredential; c != "" && (c != filepath.Base(c) || c == "." || c == "..") {
		v.add("telemetry.headers_credential", "is %q, must be the name of a credential, not a path", c)
	}
	if t.Interval < Duration(time.Second) {
		v.add("telemetry.interval", "is %v, must be a second or more", t.Interval)
	}
	if t.Requests < 0 {
		v.add("telemetry.requests", "is %d, must be 0 or more", t.Requests)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
