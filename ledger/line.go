package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/public"
)

// A Line is one artifact in a manifest: what the master says about one name.
type Line struct {
	Name      string
	Kind      artifact.Kind
	Digest    artifact.Digest
	Size      int64
	NotBefore time.Time // start of validity, or thisUpdate; zero when there is none
	NotAfter  time.Time // end of validity, or nextUpdate; zero when there is none
	Issuer    string    // "" = none
	Number    string    // CRL number in decimal or serial in hex; "" = none

	// History is set by the room for the archived copy of a list, which is not expected to be current.
	// A manifest v1 has no field for it: there the grammar of package public tells it from the name.
	History bool
}

// A Change is one step of the state, in log order: a line that became current,
// or a name that was withdrawn. Exactly one pointer is set.
type Change struct {
	Index    int64 // of the entry
	Line     *Line
	Withdraw *WithdrawnName
}

const (
	maxName  = 512
	maxField = 128
	maxLine  = maxName + 3*maxField + 160
)

// The number of fields of a line in the two versions of a manifest, and what the ninth of them says.
const (
	fieldsV1 = 8
	fieldsV2 = 9

	historyField = "history"
)

const lineTime = "20060102T150405Z"

// nameBytes are what a name is made of: RFC 3986's unreserved characters, the
// separator, and what the GET form of OCSP (RFC 6960, appendix A.1) needs. No
// "+", which a query decoder takes for a space.
var nameBytes = byteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/%=")

func byteSet(s string) (t [256]bool) {
	for i := range len(s) {
		t[s[i]] = true
	}
	return t
}

// CheckName reports as an error why a name cannot be one of an artifact: names
// are relative slash-separated paths that are safe in a URL and on a disk.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %.80q: its length is not from 1 to %d", name, maxName)
	}
	segment := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			if !nameBytes[name[i]] {
				return fmt.Errorf("name %q: the character %q is not allowed", name, name[i])
			}
			continue
		}
		switch name[segment:i] {
		case "", ".", "..", "-":
			return fmt.Errorf("name %q: the path segment %q is not allowed", name, name[segment:i])
		}
		segment = i + 1
	}
	return nil
}

func checkField(what, s string) error {
	if s == "-" || len(s) > maxField {
		return fmt.Errorf("%s %.80q: not a field", what, s)
	}
	for i := range len(s) {
		if !nameBytes[s[i]] {
			return fmt.Errorf("%s %q: the character %q is not allowed", what, s, s[i])
		}
	}
	return nil
}

// appendLine appends the text of a line, without its end, as manifests have it that are written today.
func appendLine(b []byte, l *Line) ([]byte, error) { return appendFields(b, l, fieldsV2) }

// appendFields is appendLine for the version of a manifest whose lines have that many fields.
func appendFields(b []byte, l *Line, fields int) ([]byte, error) {
	if err := CheckName(l.Name); err != nil {
		return b, err
	}
	if l.Kind == "" {
		return b, fmt.Errorf("%s: a line needs a kind", l.Name)
	}
	if err := errors.Join(checkField("kind", string(l.Kind)), checkField("issuer", l.Issuer),
		checkField("number", l.Number)); err != nil {
		return b, fmt.Errorf("%s: %w", l.Name, err)
	}
	if err := checkHistory(l); err != nil {
		return b, fmt.Errorf("%s: %w", l.Name, err)
	}
	if l.Size < 0 || l.Size > maxInt {
		return b, fmt.Errorf("%s: the size %d is out of range", l.Name, l.Size)
	}
	b = append(append(b, l.Name...), ' ')
	b = append(append(b, l.Kind...), ' ')
	b = append(appendHex(b, l.Digest[:]), ' ')
	b = append(strconv.AppendInt(b, l.Size, 10), ' ')
	var ok [2]bool
	b, ok[0] = appendLineTime(b, l.NotBefore)
	b, ok[1] = appendLineTime(append(b, ' '), l.NotAfter)
	if !ok[0] || !ok[1] {
		return b, fmt.Errorf("%s: a validity time outside the years 1 to 9999 or with a fraction of a second", l.Name)
	}
	b = appendOr(append(b, ' '), l.Issuer)
	b = appendOr(append(b, ' '), l.Number)
	switch {
	case fields == fieldsV1:
	case l.History:
		b = append(append(b, ' '), historyField...)
	default:
		b = append(b, " -"...)
	}
	return b, nil
}

// checkHistory refuses a list that is called history, and so need not be current, under the name of a
// live one, and the reverse. A name outside the grammar of package public says nothing about it.
func checkHistory(l *Line) error {
	if !l.Kind.IsRevocationList() {
		if l.History {
			return fmt.Errorf("a %s is not kept for history: only lists are", l.Kind)
		}
		return nil
	}
	n, err := public.Parse(l.Name)
	switch {
	case err != nil || !n.Kind.IsRevocationList() || n.History == l.History:
		return nil
	case l.History:
		return errors.New("its line calls it history, its name is that of a list that must be current")
	}
	return errors.New("its name is that of an archived list, its line does not call it history")
}

func appendHex(b, v []byte) []byte {
	const digits = "0123456789abcdef"
	for _, x := range v {
		b = append(b, digits[x>>4], digits[x&15])
	}
	return b
}

func appendOr(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return append(b, s...)
}

func appendLineTime(b []byte, t time.Time) ([]byte, bool) {
	if t.IsZero() {
		return append(b, '-'), true
	}
	y, m, d := t.UTC().Date()
	if y < 1 || y > 9999 || t.Nanosecond() != 0 {
		return b, false
	}
	h, mi, s := t.UTC().Clock()
	two := func(b []byte, n int) []byte { return append(b, byte('0'+n/10%10), byte('0'+n%10)) }
	b = two(two(two(two(b, y/100), y%100), int(m)), d)
	b = two(two(two(append(b, 'T'), h), mi), s)
	return append(b, 'Z'), true
}

// String is the line as it stands in a manifest that is written today.
func (l *Line) String() string { return l.text(fieldsV2) }

// text is the line as it stands in a manifest whose lines have that many fields.
func (l *Line) text(fields int) string {
	b, err := appendFields(nil, l, fields)
	if err != nil {
		return "invalid line: " + err.Error()
	}
	return string(b)
}

// ParseLine parses the text of a line, without its end, of a manifest of any version. The strings of
// the result share the memory of s.
func ParseLine(s string) (Line, error) {
	return parseFields(s, fieldsV1+min(1, max(0, strings.Count(s, " ")-(fieldsV1-1))))
}

// parseFields is ParseLine for the version of a manifest whose lines have that many fields.
func parseFields(s string, fields int) (Line, error) {
	var f [fieldsV2]string
	rest := s
	for i := range fields - 1 {
		var ok bool
		if f[i], rest, ok = strings.Cut(rest, " "); !ok {
			return Line{}, fmt.Errorf("parsing line %.120q: want %d fields", s, fields)
		}
	}
	f[fields-1] = rest
	l := Line{Name: f[0], Kind: artifact.Kind(f[1])}
	var err error
	if l.Digest, err = artifact.ParseDigest(f[2]); err != nil {
		return Line{}, fmt.Errorf("parsing line %.120q: %w", s, err)
	}
	if l.Size, err = strconv.ParseInt(f[3], 10, 64); err != nil {
		return Line{}, fmt.Errorf("parsing line %.120q: %w", s, err)
	}
	var ok [2]bool
	l.NotBefore, ok[0] = parseLineTime(f[4])
	l.NotAfter, ok[1] = parseLineTime(f[5])
	if !ok[0] || !ok[1] {
		return Line{}, fmt.Errorf("parsing line %.120q: want times like %s or \"-\"", s, lineTime)
	}
	if f[6] != "-" {
		l.Issuer = f[6]
	}
	if f[7] != "-" {
		l.Number = f[7]
	}
	if fields == fieldsV1 {
		l.History = isArchived(&l)
	} else {
		l.History = f[8] == historyField
	}
	// A line has one spelling; whatever else was lenient above is caught here.
	var buf [maxLine]byte
	again, err := appendFields(buf[:0], &l, fields)
	if err != nil {
		return Line{}, fmt.Errorf("parsing line: %w", err)
	}
	if string(again) != s {
		return Line{}, fmt.Errorf("parsing line %.120q: not in canonical form", s)
	}
	return l, nil
}

// isArchived reports whether a line of a manifest v1 is that of an archived list.
func isArchived(l *Line) bool {
	if !l.Kind.IsRevocationList() {
		return false
	}
	n, err := public.Parse(l.Name)
	return err == nil && n.History
}

func parseLineTime(s string) (time.Time, bool) {
	if s == "-" {
		return time.Time{}, true
	}
	if len(s) != len(lineTime) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	b := []byte(s)
	return civil(b[0:4], b[4:6], b[6:8], b[9:11], b[11:13], b[13:15])
}

// parseTime reads timeFormat; time.Parse is lenient about fractions and slow.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) != len(timeFormat) || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' ||
		b[19] != 'Z' {
		return time.Time{}, false
	}
	return civil(b[0:4], b[5:7], b[8:10], b[11:13], b[14:16], b[17:19])
}

// civil makes a time from decimal parts and reports whether they are one.
func civil(parts ...[]byte) (time.Time, bool) {
	var n [6]int
	for i, p := range parts {
		for _, d := range p {
			if d < '0' || d > '9' {
				return time.Time{}, false
			}
			n[i] = n[i]*10 + int(d-'0')
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	// time.Date carries over; a date that moved was not one.
	ok := n[0] >= 1 && t.Month() == time.Month(n[1]) && t.Day() == n[2] && t.Hour() == n[3] && t.Minute() == n[4] &&
		t.Second() == n[5]
	return t, ok
}
