package approval

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"seihon/artifact"
)

// Magic is the first line of a request.
const Magic = "seihon/approval-request/v1\n"

// MaxRequest bounds a request; a real one has some hundred bytes.
const MaxRequest = 16 << 10

// MaxValidity is the longest time for which a request may be good.
const MaxValidity = 30 * 24 * time.Hour

// clockSlack is how far the clock of the room may have been ahead of this one when a request was made.
const clockSlack = 5 * time.Minute

// A Param is one thing that decides what happens.
type Param struct{ Name, Value string }

// An Act is what is to be done.
type Act struct {
	Kind   string
	Params []Param
}

// Get returns the value of a parameter, empty when the act has none of that name.
func (a *Act) Get(name string) string {
	for _, p := range a.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// A Request asks to do one act. As a file:
//
//	seihon/approval-request/v1
//	repository ca.example
//	log ca.example/master
//	size 42
//	root 9f86d0…
//	made 20261129T120000Z
//	expires 20261206T120000Z
//	kind withdraw
//	- name docs/cps-1.0.pdf
//	- sha256 60303a…
//	- reason wrong version
type Request struct {
	Repository string
	Log        string    // its origin
	Size       int64     // of the log when the request was made
	Root       tlog.Hash // and its root
	Made       time.Time
	Expires    time.Time
	Act
}

const stampForm = "20060102T150405Z"

// Text is the request as it is signed.
func (q *Request) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%srepository %s\nlog %s\nsize %d\nroot %x\nmade %s\nexpires %s\nkind %s\n", Magic, q.Repository,
		q.Log, q.Size, q.Root[:],
		q.Made.UTC().Format(stampForm), q.Expires.UTC().Format(stampForm), q.Kind)
	for _, p := range q.Params {
		fmt.Fprintf(&b, "- %s %s\n", p.Name, p.Value)
	}
	return []byte(b.String())
}

// Digest identifies the request.
func (q *Request) Digest() artifact.Digest { return artifact.Sum(q.Text()) }

// Check wants a request that people can read: each value in one line, with nothing that a screen does not show.
func (q *Request) Check() error {
	all := append([]Param{{"repository", q.Repository}, {"log", q.Log}, {"kind", q.Kind}}, q.Params...)
	for _, p := range all {
		if p.Name == "" ||
			strings.ContainsFunc(p.Name,
				func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
			return fmt.Errorf("the name %q is not of lower case letters, digits and hyphens", p.Name)
		}
		if err := readable(p.Value); err != nil {
			return fmt.Errorf("%s is %q: %w", p.Name, p.Value, err)
		}
	}
	switch {
	case q.Size < 0:
		return errors.New("its size is negative")
	case !q.Expires.After(q.Made) || q.Expires.Sub(q.Made) > MaxValidity:
		return fmt.Errorf("it must be good for some time, and for at most %d days", MaxValidity/(24*time.Hour))
	case len(q.Text()) > MaxRequest:
		return fmt.Errorf("it is longer than %d bytes", MaxRequest)
	}
	return nil
}

// readable refuses a value that does not look on a screen like what it is.
func readable(value string) error {
	switch {
	case value == "" || strings.TrimSpace(value) != value:
		return errors.New("it is empty, or begins or ends with a space")
	case !utf8.ValidString(value):
		return errors.New("it is not UTF-8")
	case strings.ContainsFunc(value, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }):
		return errors.New("it has a character that cannot be seen; people have to read what they sign")
	}
	return nil
}

// ParseRequest reads a request. Only what Text writes is one.
func ParseRequest(file []byte) (*Request, error) {
	q, err := parseRequest(file)
	if err == nil {
		err = q.Check()
	}
	if err == nil && string(q.Text()) != string(file) {
		err = errors.New("it is not written in its canonical form")
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the approval request: %w; make it again with --approval-request", err)
	}
	return q, nil
}

func parseRequest(file []byte) (*Request, error) {
	if len(file) > MaxRequest {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxRequest)
	}
	text, ok := strings.CutPrefix(string(file), Magic)
	if !ok || !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("it is no whole file of the form %s", strings.TrimSpace(Magic))
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	heads := []string{"repository", "log", "size", "root", "made", "expires", "kind"}
	if len(lines) < len(heads) {
		return nil, errors.New("lines are missing")
	}
	values := make([]string, len(heads))
	for i, head := range heads {
		if values[i], ok = strings.CutPrefix(lines[i], head+" "); !ok {
			return nil, fmt.Errorf("line %d: want %q", i+2, head)
		}
	}
	q := &Request{Repository: values[0], Log: values[1], Act: Act{Kind: values[6]}}
	var err error
	if q.Size, err = strconv.ParseInt(values[2], 10, 64); err != nil {
		return nil, fmt.Errorf("size %q is no number", values[2])
	}
	root, err := hex.DecodeString(values[3])
	if err != nil || len(root) != len(q.Root) {
		return nil, fmt.Errorf("root %q is no SHA-256", values[3])
	}
	copy(q.Root[:], root)
	for _, t := range []struct {
		at   *time.Time
		text string
	}{{&q.Made, values[4]}, {&q.Expires, values[5]}} {
		if *t.at, err = time.Parse(stampForm, t.text); err != nil {
			return nil, fmt.Errorf("time %q: want the form 20261129T120000Z", t.text)
		}
	}
	for i, line := range lines[len(heads):] {
		rest, ok := strings.CutPrefix(line, "- ")
		name, value, cut := strings.Cut(rest, " ")
		if !ok || !cut {
			return nil, fmt.Errorf("line %d: want a hyphen, a name and a value", len(heads)+i+2)
		}
		q.Params = append(q.Params, Param{name, value})
	}
	return q, nil
}

// Timely refuses a request that is not good at a time.
func (q *Request) Timely(now time.Time) error {
	switch {
	case !now.Before(q.Expires):
		return fmt.Errorf("it expired at %s", q.Expires.Format(time.RFC3339))
	case q.Made.After(now.Add(clockSlack)):
		return fmt.Errorf("it was made at %s, which is in the future", q.Made.Format(time.RFC3339))
	}
	return nil
}

// Differs says in what the request asks for something else than an act of this repository; nothing when it asks for
// this.
func (q *Request) Differs(repository, log string, a Act) string {
	switch {
	case q.Repository != repository:
		return fmt.Sprintf("it is for repository %q, this is %q", q.Repository, repository)
	case q.Log != log:
		return fmt.Sprintf("it is for the log %q, this is %q", q.Log, log)
	case q.Kind != a.Kind:
		return fmt.Sprintf("it is for %s, this is %s", q.Kind, a.Kind)
	}
	for i := range max(len(q.Params), len(a.Params)) {
		var asked, here Param
		if i < len(q.Params) {
			asked = q.Params[i]
		}
		if i < len(a.Params) {
			here = a.Params[i]
		}
		if asked != here {
			return fmt.Sprintf("it says %q, this is %q", strings.TrimSpace(asked.Name+" "+asked.Value),
				strings.TrimSpace(here.Name+" "+here.Value))
		}
	}
	return ""
}
