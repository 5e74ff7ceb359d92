package report

import (
	"cmp"
	"slices"
	"sync"
)

// A Severity says what a finding means for the repository.
type Severity string

const (
	Critical Severity = "critical" // a key may be exposed, or history was rewritten
	Error    Severity = "error"    // relying parties are misled, or section A is not met
	Warning  Severity = "warning"  // must be looked at by a person
	Note     Severity = "note"     // explains itself; does not fail the verification
)

var SeverityRank = map[Severity]int{Critical: 0, Error: 1, Warning: 2, Note: 3}

// A Finding is one disagreement.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule,omitempty"`   // of section A, when one was broken
	Source   string   `json:"source,omitempty"` // the copy, or "master", "master log", "publication log"
	Name     string   `json:"name,omitempty"`   // of the artifact, object or entry
	Want     string   `json:"want,omitempty"`
	Got      string   `json:"got,omitempty"`
	Detail   string   `json:"detail,omitempty"`    // what exactly, in English
	DetailJA string   `json:"detail_ja,omitempty"` // and in Japanese
	TextJA   string   `json:"text_ja"`
	TextEN   string   `json:"text_en"`
	Hint     string   `json:"hint"`
	HintJA   string   `json:"hint_ja"`
}

// The sources that are no copy.
const (
	SourceLog         = "master log"
	SourceMaster      = "master"
	SourcePublication = "publication log"
	SourceInventory   = "inventory"
	SourceSamples     = "samples"
)

// A Collector gathers findings from many goroutines.
type Collector struct {
	mu       sync.Mutex
	findings []Finding
	counts   map[string]int // by code and source
	dropped  map[string]int
	Observe  func(Finding) // for tests that ask where findings are made
}

// PerCode bounds the findings of one code for one source, so that a copy of a wholly different repository makes a
// readable report. The rest is counted.
const PerCode = 1000

// Found completes f from the table of codes and keeps it.
func (c *Collector) Found(f Finding) {
	code, ok := CodeByName[f.Code]
	if !ok {
		code = CodeByName["internal"]
	}
	if f.Severity == "" {
		f.Severity = code.Severity
	}
	if f.Rule == "" {
		f.Rule = code.Rule
	}
	f.TextJA, f.TextEN, f.HintJA = code.TextJA, code.TextEN, code.HintJA
	switch f.Hint {
	case "", code.Hint:
		f.Hint = code.Hint
	default:
		f.HintJA = inJapanese(f.Hint)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Observe != nil {
		c.Observe(f)
	}
	if c.counts == nil {
		c.counts, c.dropped = map[string]int{}, map[string]int{}
	}
	k := f.Code + "\x00" + f.Source
	if c.counts[k]++; c.counts[k] > PerCode {
		c.dropped[k]++
		return
	}
	f.DetailJA = inJapanese(f.Detail)
	c.findings = append(c.findings, f)
}

// Sorted returns the findings, the worst first, in an order that does not depend on the goroutines.
func (c *Collector) Sorted() []Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(SeverityRank[a.Severity], SeverityRank[b.Severity]), cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Detail, b.Detail),
			cmp.Compare(a.Got, b.Got))
	})
	return c.findings
}

// SourcePins is where findings about the configuration come from.
const SourcePins = "configuration"
