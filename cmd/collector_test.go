//go:build integration

package cmd_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	logsv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A collector takes what an OpenTelemetry collector takes: OTLP over HTTP, in protobuf.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	spans   []*spans.Span
	logs    []*logs.LogRecord
	figures map[string]float64 // "name" or "name{label=value}"
	about   map[string]string  // the resource
	headers []http.Header
	bodies  [][]byte
	answer  http.HandlerFunc // instead of 200; nil: 200
}

func newCollector(t *testing.T, answer http.HandlerFunc) *collector {
	t.Helper()
	c := &collector{figures: map[string]float64{}, about: map[string]string{}, answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "want protobuf by POST", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.headers, c.bodies = append(c.headers, r.Header), append(c.bodies, body)
	err = c.read(r.URL.Path, body)
	c.mu.Unlock()
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case c.answer != nil:
		c.answer(w, r)
	}
}

func (c *collector) read(path string, body []byte) error {
	switch path {
	case "/v1/traces":
		var m tracev1.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			return err
		}
		for _, rs := range m.ResourceSpans {
			c.learn(rs.Resource.GetAttributes())
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	case "/v1/logs":
		var m logsv1.ExportLogsServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			return err
		}
		for _, rl := range m.ResourceLogs {
			c.learn(rl.Resource.GetAttributes())
			for _, sl := range rl.ScopeLogs {
				c.logs = append(c.logs, sl.LogRecords...)
			}
		}
	case "/v1/metrics":
		var m metricsv1.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			return err
		}
		for _, rm := range m.ResourceMetrics {
			c.learn(rm.Resource.GetAttributes())
			for _, sm := range rm.ScopeMetrics {
				for _, metric := range sm.Metrics {
					for _, p := range append(metric.GetGauge().GetDataPoints(), metric.GetSum().GetDataPoints()...) {
						c.figures[series(metric.Name, p.Attributes)] = p.GetAsDouble()
					}
				}
			}
		}
	default:
		return fmt.Errorf("nobody listens at %q", path)
	}
	return nil
}

func (c *collector) learn(attributes []*common.KeyValue) {
	for _, a := range attributes {
		c.about[a.Key] = a.Value.GetStringValue()
	}
}

// series names a series as Prometheus' text format does, for figures with one label at most.
func series(name string, labels []*common.KeyValue) string {
	for _, l := range labels {
		name += fmt.Sprintf("{%s=%q}", l.Key, l.Value.GetStringValue())
	}
	return name
}

// names counts the spans by name.
func (c *collector) names() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[string]int{}
	for _, s := range c.spans {
		n[s.Name]++
	}
	return n
}

// attribute returns an attribute of a span as a word.
func attribute(s *spans.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			switch v := a.Value.Value.(type) {
			case *common.AnyValue_StringValue:
				return v.StringValue
			case *common.AnyValue_IntValue:
				return fmt.Sprint(v.IntValue)
			case *common.AnyValue_BoolValue:
				return fmt.Sprint(v.BoolValue)
			}
		}
	}
	return ""
}
