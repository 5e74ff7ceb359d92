package ocspcache

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An outcome is the answer as the client sees it.
type outcome int

const (
	outcomeSuccessful outcome = iota
	outcomeNotModified
	outcomeMalformed
	outcomeUnauthorized
	outcomeTryLater
	outcomes
)

var (
	outcomeLabels = [outcomes]string{"successful", "not-modified", "malformed", "unauthorized", "try-later"}
	methodLabels  = [...]string{http.MethodGet, http.MethodHead, http.MethodPost}
	hashLabels    = [...]string{0: "other", hashSHA1: "sha1", hashSHA256: "sha256", hashSHA384: "sha384",
		hashSHA512: "sha512"}
)

// Metrics counts what the responder does. The counters of the hot path are made
// once, since finding one by its labels costs more than the answer.
type Metrics struct {
	requests [len(methodLabels)][len(hashLabels)][outcomes]prometheus.Counter
	expired  prometheus.Counter
	damaged  prometheus.Counter
	faults   prometheus.Counter
	refused  *prometheus.CounterVec
	objects  *prometheus.CounterVec

	generation *prometheus.GaugeVec
	generated  *prometheus.GaugeVec
	nextUpdate *prometheus.GaugeVec
	responses  *prometheus.GaugeVec
	polls      *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them with reg unless it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "seihon", Subsystem: "ocsp", Name: name,
			Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "seihon", Subsystem: "ocsp", Name: name,
			Help: help}, labels)
	}
	gauges := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "seihon", Subsystem: "ocsp", Name: name,
			Help: help}, []string{"issuer"})
	}
	requests := counters("requests_total", "OCSP requests by method, hash algorithm of the CertID and answer.",
		"method", "hash", "answer")
	m := &Metrics{
		expired: counter("expired_total",
			"Requests whose stored response was past its nextUpdate and so was not given out."),
		damaged: counter("damaged_bundles_total", "Bundles whose content was not what their digest says."),
		faults:  counter("faults_total", "Reads of a bundle file that was cut off while in use."),
		refused: counters("refused_generations_total",
			"Generations that were refused: not verified, going backwards, or with broken bundles.", "issuer"),
		objects:    counters("objects_total", "Requests for other public objects by HTTP status.", "code"),
		generation: gauges("generation", "Number of the generation in use."),
		generated:  gauges("generation_this_update_seconds", "thisUpdate of the generation in use, in Unix time."),
		nextUpdate: gauges("min_next_update_seconds",
			"The earliest nextUpdate among the responses in use, in Unix time."),
		responses: gauges("responses", "Number of responses in use."),
		polls: counters("polls_total", "Looks for a new generation by result: new, same, refused, failed.",
			"result"),
	}
	for i, method := range methodLabels {
		for j, hash := range hashLabels {
			for k, answer := range outcomeLabels {
				m.requests[i][j][k] = requests.WithLabelValues(method, hash, answer)
			}
		}
	}
	if reg != nil {
		reg.MustRegister(requests, m.expired, m.damaged, m.faults, m.refused, m.objects, m.generation, m.generated,
			m.nextUpdate, m.responses, m.polls)
	}
	return m
}

// count counts one OCSP request.
func (m *Metrics) count(method string, hash hashID, o outcome) {
	i := 0
	switch method {
	case http.MethodHead:
		i = 1
	case http.MethodPost:
		i = 2
	}
	m.requests[i][hash][o].Inc()
}

// observe shows the state of a view.
func (m *Metrics) observe(v *View, now time.Time) {
	for _, s := range v.Issuers(now) {
		m.generation.WithLabelValues(s.Issuer).Set(float64(s.Generation))
		m.generated.WithLabelValues(s.Issuer).Set(float64(s.ThisUpdate.Unix()))
		m.responses.WithLabelValues(s.Issuer).Set(float64(s.Responses))
		if !s.NextUpdate.IsZero() {
			m.nextUpdate.WithLabelValues(s.Issuer).Set(float64(s.NextUpdate.Unix()))
		}
	}
}

// polled counts the result of a look for a new generation and passes the error
// on, except that of having it already.
func (m *Metrics) polled(issuer string, err error) error {
	switch {
	case err == nil:
		m.polls.WithLabelValues("new").Inc()
	case errors.Is(err, errCurrent):
		m.polls.WithLabelValues("same").Inc()
		return nil
	default:
		m.polls.WithLabelValues("refused").Inc()
		m.refused.WithLabelValues(issuer).Inc()
	}
	return err
}
