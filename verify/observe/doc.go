// Package observe judges the public lists and OCSP responders of any CA from outside: without a master, a log or a
// configuration, with nothing but the CA's certificate. It is what a relying party could find out, and what a CA tries
// before it adopts anything.
//
// For each CA every list is fetched, read, and held against the CA's key, the calendar, RFC 5280 (by the table of
// deviations of package sectiona), its own address, its deltas and partitions, and the HTTP headers it came with. Then
// the responder is asked about entries of those lists, about certificates that somebody has at hand, and about one that
// was never issued, by SHA-1 and SHA-256, GET and POST. The two must tell the same.
//
// With a folder for it, the newest list of each address is kept, so that the next run sees what no single look can
// show: a number that goes back, other bytes under one number, a revocation that is gone or has become another. See
// history.go.
//
// Nothing that arrives is believed before its signature is checked; everything that is fetched has a deadline and a
// greatest size.
package observe

import (
	"crypto/x509"
	"net/url"
	"time"
)

// A Group is one CA: its certificates (of one key, or of all keys that it has had) and where it publishes.
type Group struct {
	Name         string // for people
	Issuers      []*x509.Certificate
	Lists        []string            // addresses of complete and delta lists
	Partitions   []string            // of lists that are a complete one only together
	Responders   []string            // of OCSP responders
	Certificates []*x509.Certificate // to ask about
}

// A Config says what to look at.
type Config struct {
	Groups   []Group
	State    string        // folder for what is kept between two runs; empty: nothing is
	Timeout  time.Duration // of one request; default 30 s
	MaxList  int64         // octets of one list; default 64 MiB
	Proxy    *url.URL      // nil: none, whatever the environment says
	Now      func() time.Time
	Progress func(done, total int)
}

// Codes are finding codes of package verify, beside those that are shared with checks of a master.
const (
	CodeUnreachable = "observe-unreachable" // no answer, or an HTTP error
	CodeForm        = "observe-form"        // something else than one DER list or response
	CodeIssuer      = "observe-issuer"      // of another CA, or of another key of it
	CodeSignature   = "observe-signature"   // not signed by who must have signed it
	CodeWeak        = "observe-weak"        // signed with SHA-1
	CodeNoEnd       = "observe-no-end"      // without nextUpdate
	CodeAgeing      = "observe-ageing"      // the next one should be there
	CodeProfile     = "observe-profile"     // what an RFC forbids
	CodeScope       = "observe-scope"       // the scope of a list is not that of its address
	CodeDelta       = "observe-delta"       // a delta list contradicts the complete one
	CodeDelegate    = "observe-delegate"    // the responder's certificate
	CodeHash        = "observe-hash"        // questions by one hash only are answered
	CodeNonce       = "observe-nonce"       // a nonce that nobody asked for, or another one
	CodeTwoAnswers  = "observe-two-answers" // the answer depends on how the question is sent
	CodeAnother     = "observe-another"     // a response about another certificate
	CodeNoAnswer    = "observe-no-answer"   // the responder does not know a certificate of its CA
	CodeLeft        = "observe-left"        // an entry left a list, and nothing tells why
	CodeWentBack    = "observe-went-back"   // something older than in an earlier run
	CodeNotAsked    = "observe-not-asked"   // an address or CA that cannot be looked at
)

// A Finding is one thing that is wrong. An empty severity is that of its code.
type Finding struct {
	Code, Severity    string
	Source            string // the address
	Name              string // of what, at that address
	Want, Got, Detail string
}

// An Issuer is a CA as its certificate names it.
type Issuer struct {
	Name     string    `json:"name"`
	SHA256   string    `json:"sha256"` // of the certificate
	NotAfter time.Time `json:"not_after"`
}

// A List says what was seen of one list.
type List struct {
	Address     string    `json:"address"`
	Issuer      string    `json:"issuer,omitempty"`
	Verified    bool      `json:"verified"` // signed by the CA
	Kind        string    `json:"kind,omitempty"`
	Number      string    `json:"number,omitempty"`
	Base        string    `json:"base,omitempty"` // of a delta list
	ThisUpdate  time.Time `json:"this_update,omitzero"`
	NextUpdate  time.Time `json:"next_update,omitzero"`
	LifeUsed    float64   `json:"life_used"` // share of the time between the two; above 1 it is stale
	Entries     int       `json:"entries"`
	SHA256      string    `json:"sha256,omitempty"`
	Algorithm   string    `json:"algorithm,omitempty"` // of the signature
	Status      int       `json:"status"`              // of HTTP; 0: no answer
	Bytes       int64     `json:"bytes"`
	Millisecond int64     `json:"milliseconds"`
	CachedUntil time.Time `json:"cached_until,omitzero"`
	Previous    string    `json:"previous,omitempty"` // SHA-256 of the list of an earlier run that it was compared with
}

// A Responder says what was seen of one OCSP responder, for one CA.
type Responder struct {
	Address   string `json:"address"`
	Issuer    string `json:"issuer"`
	Questions int    `json:"questions"` // requests that were sent
	Good      int    `json:"good"`
	Revoked   int    `json:"revoked"`
	Unknown   int    `json:"unknown"` // and never issued
	None      int    `json:"none"`    // unauthorized and other errors of OCSP
	Failed    int    `json:"failed"`  // no answer that can be used
	SHA1      bool   `json:"sha1"`    // a question by SHA-1 was answered
	SHA256    bool   `json:"sha256"`
	Get       bool   `json:"get"`
	Post      bool   `json:"post"`
	// what became of the nonce of a question: echoed, left out, another, refused
	Nonce       string    `json:"nonce,omitempty"`
	Signer      string    `json:"signer,omitempty"` // the delegate, or the CA itself
	SignerUntil time.Time `json:"signer_until,omitzero"`
	ThisUpdate  time.Time `json:"this_update,omitzero"` // the oldest
	NextUpdate  time.Time `json:"next_update,omitzero"` // the first
	MinBytes    int       `json:"min_bytes"`
	MaxBytes    int       `json:"max_bytes"`
	Median      int64     `json:"median_milliseconds"`
	Slowest     int64     `json:"slowest_milliseconds"`
}

// A Result is what was seen. Everything is sorted.
type Result struct {
	Made       time.Time   `json:"made"`
	Issuers    []Issuer    `json:"issuers"`
	Lists      []List      `json:"lists"`
	Responders []Responder `json:"responders"`
	Compared   int         `json:"compared"` // entries of lists that were held against OCSP, and certificates
	Earlier    int         `json:"earlier"`  // lists that were compared with those of an earlier run
	Remembers  bool        `json:"remembers"`
	Findings   []Finding   `json:"-"`
}
