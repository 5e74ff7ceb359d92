package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// An ExceptionEntry is a signed word in the log by which known deviations of a CA from the RFCs are let pass.
type ExceptionEntry struct {
	Entry   int64            `json:"entry"` // of the log
	Time    time.Time        `json:"time"`
	Issuer  string           `json:"issuer"`
	Key     string           `json:"key"` // SHA-256 of the CA's SubjectPublicKeyInfo
	Reason  string           `json:"reason"`
	Allow   []string         `json:"allow"`
	Expires time.Time        `json:"expires"` // what the CA dated later is not covered
	Counts  bool             `json:"counts"`  // a pinned key has signed it
	Problem string           `json:"problem,omitempty"`
	Passed  map[string]int64 `json:"passed"` // how often each kind was let pass in this check
	Text    string           `json:"text"`   // as it was signed
}

// passed tells how often which kind was let pass.
func (o *ExceptionEntry) passed() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(o.Passed)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, o.Passed[kind]))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}
