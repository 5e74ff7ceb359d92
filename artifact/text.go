package artifact

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// text tells the kinds of UTF-8 text apart.
func (a *Artifact) text() {
	b := a.Bytes
	switch {
	case bytes.Contains(b[:min(len(b), 4096)], []byte("-----BEGIN ")):
		a.pem()
	case isCheckpoint(b):
		a.Kind = Checkpoint
	case isHTML(b):
		a.Kind = IndexPage
		if bytes.Contains(b, []byte(`name="seihon-page" content="fingerprints"`)) {
			a.Kind = FingerprintPage
		}
	case isLedgerEntry(b):
		a.Kind, a.Problem = LedgerMaster, "it is an entry of a master log outside its tree"
	case isRegistration(b):
		a.Kind, a.Problem = RegistrationData, "it looks like an application form or a certificate database"
	case isLog(b):
		a.Kind, a.Problem = Log, "it looks like a log file"
	default:
		a.bare()
	}
}

func isHTML(b []byte) bool {
	head := strings.ToLower(string(bytes.TrimLeft(b[:min(len(b), 512)], "\ufeff \t\r\n")))
	return strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}

// isCheckpoint reports whether b has the form of a signed tlog-checkpoint: origin, size, root hash, extension lines, an
// empty line and signature lines (c2sp.org/tlog-checkpoint). It says nothing about the signatures.
func isCheckpoint(b []byte) bool {
	if len(b) > 64<<10 || b[len(b)-1] != '\n' {
		return false
	}
	text, sigs, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) < 3 || lines[0] == "" || sigs == "" {
		return false
	}
	if n, err := strconv.ParseInt(lines[1], 10, 64); err != nil || n < 0 || strconv.FormatInt(n, 10) != lines[1] {
		return false
	}
	if h, err := base64.StdEncoding.DecodeString(lines[2]); err != nil || len(h) != 32 {
		return false
	}
	for _, l := range strings.Split(strings.TrimSuffix(sigs, "\n"), "\n") {
		if !strings.HasPrefix(l, "\u2014 ") {
			return false
		}
	}
	return true
}

// isEntryBundle reports whether b is an entry bundle of a tiled log (c2sp.org/tlog-tiles): at most 256 entries, each
// behind its 16-bit length, and each of them one of this module's JSON entries.
func isEntryBundle(b []byte) bool {
	n := 0
	for len(b) > 0 {
		if len(b) < 2 || n == 256 {
			return false
		}
		size := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+size || !isLedgerEntry(b[2:2+size]) {
			return false
		}
		b = b[2+size:]
		n++
	}
	return n > 0
}

// isLedgerEntry reports whether b is one JSON object with the members that every log entry has.
func isLedgerEntry(b []byte) bool {
	if len(b) == 0 || b[0] != '{' || len(b) > 0xffff+1 {
		return false
	}
	var e struct {
		V    json.Number     `json:"v"`
		Type string          `json:"type"`
		Time json.RawMessage `json:"time"`
	}
	return json.Unmarshal(b, &e) == nil && e.V != "" && e.Type != "" && len(e.Time) > 0
}

var (
	// A line of OpenSSL's certificate database, which names every subscriber.
	indexLine = regexp.MustCompile(`(?m)\A[VRE]\t[0-9]{12,14}Z\t`)

	logLines = []*regexp.Regexp{
		// zap, CloudTrail, Cloud Logging
		regexp.MustCompile(`\A\{.*"(level|msg|severity|eventName|eventTime|logName)":`),
		// common log format
		regexp.MustCompile(`\A\S+ \S+ \S+ \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:`),
		// S3 access log
		regexp.MustCompile(`\A\S+ \S+ \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:`),
		// syslog, RFC 3164
		regexp.MustCompile(`\A(<[0-9]{1,3}>)?[A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} `),
		// syslog, RFC 5424, and most others
		regexp.MustCompile(`\A(<[0-9]{1,3}>1 )?\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}`),
		// W3C, CloudFront
		regexp.MustCompile(`\A#(Version|Fields|Software):`),
	}

	// What forms of application ask for; two of them together are no coincidence.
	personal = []string{"氏名", "生年月日", "住所", "住民票", "date of birth", "applicant"}
)

func isLog(b []byte) bool {
	line, _, _ := bytes.Cut(b[:min(len(b), 8192)], []byte("\n"))
	for _, r := range logLines {
		if r.Match(line) {
			return true
		}
	}
	return false
}

func isRegistration(b []byte) bool {
	head := b[:min(len(b), 8192)]
	if indexLine.Match(head) {
		return true
	}
	found, lower := 0, strings.ToLower(string(head))
	for _, w := range personal {
		if strings.Contains(lower, w) {
			found++
		}
	}
	return found >= 2
}
