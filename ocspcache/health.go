package ocspcache

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Readiness says when a responder is fit to get requests.
type Readiness struct {
	Issuers   []string      // must all have a generation
	Coverage  float64       // least share of responses that are fresh, 0 to 1; 1 when 0
	Remaining time.Duration // least time until the earliest nextUpdate
	Age       time.Duration // longest time since thisUpdate of a generation; 0 for any
}

// problems returns why the view does not meet r.
func (r Readiness) problems(states []IssuerState, now time.Time) []string {
	list := []string{}
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	have := make(map[string]bool)
	for _, s := range states {
		have[s.Issuer] = true
		least := r.Coverage
		if least <= 0 {
			least = 1
		}
		if s.Damaged > 0 {
			add("issuer %s: %d bundles are damaged", s.Issuer, s.Damaged)
		}
		if s.Responses > 0 && float64(s.Fresh) < least*float64(s.Responses) {
			add("issuer %s: %d of %d responses are fresh", s.Issuer, s.Fresh, s.Responses)
		}
		if s.Responses > 0 && s.NextUpdate.Sub(now) < r.Remaining {
			add("issuer %s: the earliest nextUpdate is %s, less than %s away", s.Issuer,
				s.NextUpdate.UTC().Format(time.RFC3339), r.Remaining)
		}
		if r.Age > 0 && now.Sub(s.ThisUpdate) > r.Age {
			add("issuer %s: generation %d is of %s, longer than %s ago", s.Issuer, s.Generation,
				s.ThisUpdate.UTC().Format(time.RFC3339), r.Age)
		}
	}
	for _, issuer := range r.Issuers {
		if !have[issuer] {
			add("issuer %s: no generation", issuer)
		}
	}
	return list
}

// ServeHealth answers whether the process works at all.
func (h *Handler) ServeHealth(w http.ResponseWriter, r *http.Request) {
	writeHealth(w, http.StatusOK, map[string]any{"status": "ok"})
}

// ServeReady answers whether the responder should get requests: 200 or 503, and
// why.
func (h *Handler) ServeReady(w http.ResponseWriter, r *http.Request) {
	view := h.source.Acquire()
	defer view.Release()
	now := h.now()
	states := view.Issuers(now)
	problems := h.readiness.problems(states, now)
	status, code := "ready", http.StatusOK
	if len(problems) > 0 {
		status, code = "not ready", http.StatusServiceUnavailable
	}
	type issuer struct {
		Name       string `json:"name"`
		Generation uint64 `json:"generation"`
		Responses  int    `json:"responses"`
		Fresh      int    `json:"fresh"`
		NextUpdate string `json:"nextUpdate,omitempty"`
	}
	issuers := make([]issuer, 0, len(states))
	for _, s := range states {
		i := issuer{Name: s.Issuer, Generation: s.Generation, Responses: s.Responses, Fresh: s.Fresh}
		if !s.NextUpdate.IsZero() {
			i.NextUpdate = s.NextUpdate.UTC().Format(time.RFC3339)
		}
		issuers = append(issuers, i)
	}
	writeHealth(w, code, map[string]any{"status": status, "problems": problems, "issuers": issuers})
}

func writeHealth(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", valueUncacheable[0])
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone, nobody is left to tell
}
