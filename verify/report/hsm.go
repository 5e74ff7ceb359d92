package report

import (
	"time"
)

// An HSMSummary says what the verdicts of the log are and how far they were used.
type HSMSummary struct {
	Policy   string    `json:"policy"` // of the newest verdict: accredited or trial
	Entry    int64     `json:"entry"`  // of the newest verdict
	Time     time.Time `json:"time"`
	Verdicts int       `json:"verdicts"`
	Keys     []HSMKey  `json:"keys"` // of the newest verdict
	// lists, certificates and bundles held against the verdict in force
	Judged    int64    `json:"judged"`
	OnTrial   int64    `json:"on_trial"`            // of them, signed with a key on trial
	Earlier   int64    `json:"earlier"`             // the same, of before the first verdict
	Elsewhere []string `json:"elsewhere,omitempty"` // issuers whose own software signs, of whose HSM no verdict speaks
}

// An HSMKey is what a verdict says of one key.
type HSMKey struct {
	Label   string `json:"label"`
	Role    string `json:"role"`
	Verdict string `json:"verdict"`
}
