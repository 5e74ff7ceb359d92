package main

import "time"

// What commands answer to --json when no package behind them has a type for it. The schemas of docs/schema are made
// from these types (schema_test.go).

// askedAnswer is of every command with --approval-request: it wrote the request and did nothing else.
type askedAnswer struct {
	Request string `json:"approval_request"` // the file
	SHA256  string `json:"sha256"`
}

// plannedAnswer is a part of the answers of commands with --dry-run.
type plannedAnswer struct {
	DryRun        bool     `json:"dry_run,omitempty"`
	NeedsApproval []string `json:"needs_approval,omitempty"` // what of it needs approvals that were not handed over
}

type archivedAnswer struct {
	Bags     []string `json:"bags"`
	TreeSize int64    `json:"tree_size"`
}

type linkedAnswer struct {
	Name         string `json:"name"` // of the new issuer
	Certificates int    `json:"certificates"`
	TreeSize     int64  `json:"tree_size"`
	plannedAnswer
}

type crossedAnswer struct {
	ID       string `json:"id"`
	Serial   string `json:"serial"`
	TreeSize int64  `json:"tree_size"`
	plannedAnswer
}

type requestedAnswer struct {
	Name string `json:"name"`
	File string `json:"file"` // of the certificate request
	plannedAnswer
}

type documentAnswer struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	TreeSize int64  `json:"tree_size"`
	plannedAnswer
}

type exportedAnswer struct {
	File  string `json:"file"`
	From  int64  `json:"from"` // entries of the log
	To    int64  `json:"to"`
	Bytes int64  `json:"bytes"`
	plannedAnswer
}

type rotatedAnswer struct {
	Labels []string `json:"labels"`
	Keys   []string `json:"keys,omitempty"` // files of the new keys
	DryRun bool     `json:"dry_run,omitempty"`
}

type frozenAnswer struct {
	Frozen bool `json:"frozen"`
	DryRun bool `json:"dry_run,omitempty"`
}

type revokedAnswer struct {
	Issuer       string   `json:"issuer"`
	Serial       string   `json:"serial"`
	Reason       string   `json:"reason"`
	DryRun       bool     `json:"dry_run,omitempty"`
	Consequences []string `json:"consequences,omitempty"`
}

// stampedAnswer is of one time-stamping authority.
type stampedAnswer struct {
	Authority string    `json:"authority"`
	Size      int64     `json:"tree_size"`
	Token     string    `json:"token"` // empty: none was due, or none was had
	Time      time.Time `json:"time"`
	Due       bool      `json:"due,omitempty"` // of a dry run: it would be asked
}

type withdrawnAnswer struct {
	Name     string `json:"name"`
	Reason   string `json:"reason"`
	DryRun   bool   `json:"dry_run,omitempty"`
	TreeSize int64  `json:"tree_size,omitempty"` // none of a dry run
}

// issuedAnswer is of one certificate.
type issuedAnswer struct {
	Subject   string    `json:"subject"`
	Serial    string    `json:"serial"`
	Present   bool      `json:"present"` // it was issued before
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	File      string    `json:"file"` // empty: it was not written
	plannedAnswer
}

// issuedAnswers is of several that were issued together.
type issuedAnswers struct {
	Issued       int            `json:"issued"`
	Present      int            `json:"present"`
	Certificates []issuedAnswer `json:"certificates"`
	plannedAnswer
}
