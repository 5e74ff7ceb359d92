package approval

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"seihon/artifact/sshsig"
)

// RuleMagic is the first line of a rule.
const RuleMagic = "seihon/approval-rule/v1\n"

// A Person has one key. Two keys of one person count once.
type Person struct {
	Name string
	Key  ssh.PublicKey
}

// A Rule says whose approvals count, and for what. As a file:
//
//	seihon/approval-rule/v1
//	repository ca.example
//	log ca.example/master
//	quorum 2
//	for final-crl issue-ca
//	key hanako ssh-ed25519 AAAA…
//	key jiro sk-ssh-ed25519@openssh.com AAAA…
//
// A rule without keys is that one person suffices; its quorum is 0 and it is for nothing.
type Rule struct {
	Repository string
	Log        string
	Quorum     int
	For        []string // kinds, sorted
	People     []Person // sorted by name, then by key
}

var personPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// NewRule makes a rule, and sorts what has no order.
func NewRule(repository, log string, quorum int, kinds []string, people []Person) (*Rule, error) {
	r := &Rule{Repository: repository, Log: log, Quorum: quorum, For: slices.Sorted(slices.Values(kinds)),
		People: slices.Clone(people)}
	slices.SortFunc(r.People, func(a, b Person) int { return strings.Compare(a.line(), b.line()) })
	return r, r.check()
}

func (p Person) line() string {
	return p.Name + " " + p.Key.Type() + " " + base64.StdEncoding.EncodeToString(p.Key.Marshal())
}

func (r *Rule) check() error {
	for i, p := range r.People {
		if !personPattern.MatchString(p.Name) {
			return fmt.Errorf("the name %q is not of lower case letters, digits and inner hyphens", p.Name)
		}
		for _, q := range r.People[:i] {
			if bytes.Equal(p.Key.Marshal(), q.Key.Marshal()) {
				return fmt.Errorf("%s and %s have the same key", q.Name, p.Name)
			}
		}
	}
	for i, kind := range r.For {
		if !slices.Contains(Kinds, kind) {
			return fmt.Errorf("it is for %q, which is none of %s", kind, strings.Join(Kinds, ", "))
		}
		if i > 0 && r.For[i-1] >= kind {
			return fmt.Errorf("it names %s twice, or not in order", kind)
		}
	}
	switch names := r.names(); {
	case r.Empty() && r.Quorum == 0 && len(r.For) == 0:
		return nil
	case r.Quorum < 1 || r.Quorum > len(names):
		return fmt.Errorf("its quorum is %d, must be from 1 to the number of people, %d", r.Quorum, len(names))
	case len(r.For) == 0:
		return errors.New("it is for nothing")
	}
	return nil
}

// Empty reports whether one person suffices for everything.
func (r *Rule) Empty() bool { return r == nil || len(r.People) == 0 }

// Demands reports whether the rule wants approvals for a kind of act.
func (r *Rule) Demands(kind string) bool {
	return !r.Empty() && (kind == ChangeRule || slices.Contains(r.For, kind))
}

func (r *Rule) names() []string {
	var names []string
	for _, p := range r.People {
		names = append(names, p.Name)
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Text is the rule as it is recorded.
func (r *Rule) Text() []byte {
	b := fmt.Appendf(nil, "%srepository %s\nlog %s\nquorum %d\nfor", RuleMagic, r.Repository, r.Log, r.Quorum)
	for _, kind := range r.For {
		b = fmt.Appendf(b, " %s", kind)
	}
	b = append(b, '\n')
	for _, p := range r.People {
		b = fmt.Appendf(b, "key %s\n", p.line())
	}
	return b
}

// ParseRule reads a rule of a log. Only what Text writes is one.
func ParseRule(file []byte) (*Rule, error) {
	r, err := parseRule(file)
	if err == nil {
		err = r.check()
	}
	if err == nil && !bytes.Equal(r.Text(), file) {
		err = errors.New("it is not written in its canonical form")
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the rule of approvals: %w", err)
	}
	return r, nil
}

func parseRule(file []byte) (*Rule, error) {
	text, ok := strings.CutPrefix(string(file), RuleMagic)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !ok || len(lines) < 4 {
		return nil, fmt.Errorf("it is no whole file of the form %s", strings.TrimSpace(RuleMagic))
	}
	r := &Rule{}
	r.Repository, _ = strings.CutPrefix(lines[0], "repository ")
	r.Log, _ = strings.CutPrefix(lines[1], "log ")
	quorum, _ := strings.CutPrefix(lines[2], "quorum ")
	var err error
	if r.Quorum, err = strconv.Atoi(quorum); err != nil {
		return nil, fmt.Errorf("quorum %q is no number", quorum)
	}
	kinds, _ := strings.CutPrefix(lines[3], "for")
	r.For = strings.Fields(kinds)
	for _, line := range lines[4:] {
		rest, _ := strings.CutPrefix(line, "key ")
		name, key, _ := strings.Cut(rest, " ")
		public, err := sshsig.ParseKey([]byte(key))
		if err != nil {
			return nil, fmt.Errorf("the key of %q: %w", name, err)
		}
		r.People = append(r.People, Person{name, public})
	}
	return r, nil
}

// Weaker says what a rule that is to follow this one lets pass that this one does not; nothing when it is as strict.
// More kinds and a higher quorum make a rule stricter. Another set of keys does not: whoever adds keys of their own
// approves alone.
func (r *Rule) Weaker(next *Rule) string {
	if r.Empty() {
		return ""
	}
	for _, kind := range r.For {
		if !next.Demands(kind) {
			return fmt.Sprintf("it is not for %s any more", kind)
		}
	}
	if next.Quorum < r.Quorum {
		return fmt.Sprintf("its quorum is %d instead of %d", next.Quorum, r.Quorum)
	}
	same := func(a, b Person) bool { return a.line() == b.line() }
	for _, p := range r.People {
		if !slices.ContainsFunc(next.People, func(n Person) bool { return same(n, p) }) {
			return fmt.Sprintf("the key of %s is not in it", p.Name)
		}
	}
	for _, n := range next.People {
		if !slices.ContainsFunc(r.People, func(p Person) bool { return same(n, p) }) {
			return fmt.Sprintf("it has a new key, of %s", n.Name)
		}
	}
	return ""
}

// Approved holds signatures of a request against the rule and returns who approved. Every signature must be good: one
// that is not was meant for something else, and somebody should know.
func (r *Rule) Approved(request []byte, signatures [][]byte) ([]string, error) {
	names := map[string]bool{}
	for i, armored := range signatures {
		name, err := r.signer(request, armored)
		if err != nil {
			return nil, fmt.Errorf("signature %d: %w", i+1, err)
		}
		if names[name] {
			return nil, fmt.Errorf("signature %d: %s has approved already; each person counts once", i+1, name)
		}
		names[name] = true
	}
	var who []string
	for name := range names {
		who = append(who, name)
	}
	slices.Sort(who)
	if len(who) < r.Quorum {
		return who, fmt.Errorf("%d of the %d people approved who are needed; have more of %s sign the request",
			len(who), r.Quorum, strings.Join(r.names(), ", "))
	}
	return who, nil
}

func (r *Rule) signer(request, armored []byte) (string, error) {
	s, err := sshsig.Parse(armored)
	if err != nil {
		return "", err
	}
	for _, p := range r.People {
		if bytes.Equal(p.Key.Marshal(), s.PublicKey) {
			if err := s.Verify(request, Namespace, p.Key); err != nil {
				return "", fmt.Errorf("it claims to be of %s: %w", p.Name, err)
			}
			return p.Name, nil
		}
	}
	return "", errors.New("it is made with a key that the rule does not have")
}
