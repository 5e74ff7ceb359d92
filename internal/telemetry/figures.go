//go:build !nocloud

package telemetry

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// figures gathers what the process measures, in the form that Prometheus would see.
type figures struct {
	mu      sync.Mutex
	sources prometheus.Gatherers
}

// Gather implements [prometheus.Gatherer].
func (f *figures) Gather() ([]*dto.MetricFamily, error) {
	f.mu.Lock()
	sources := f.sources
	f.mu.Unlock()
	return sources.Gather()
}

// Gather adds a registry; it is asked at every push.
func (t *Telemetry) Gather(source prometheus.Gatherer) {
	if t == nil {
		return
	}
	t.figures.mu.Lock()
	defer t.figures.mu.Unlock()
	t.figures.sources = append(t.figures.sources, source)
}

// Textfile adds figures in the text format, the bytes that node_exporter would read.
func (t *Telemetry) Textfile(text []byte) error {
	if t == nil {
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("reading figures for the collector: %w", err)
	}
	t.Gather(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		var all []*dto.MetricFamily
		for _, family := range families {
			all = append(all, family)
		}
		return all, nil
	}))
	return nil
}
