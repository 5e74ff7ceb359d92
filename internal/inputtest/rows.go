package inputtest

import (
	"strings"
)

// A Row is a line of the database of `openssl ca`, index.txt, whether its record may be taken over, and why.
type Row struct {
	Name, Line string
	Accept     bool
	Why        string
}

// IndexRows returns lines of index.txt: status, expiry, revocation, serial, file and subject with tabs between them.
// There is no RFC for it; where a value stands for a field of a certificate or a list, the RFC of that field decides.
func IndexRows() []Row {
	good := [6]string{"V", "271124060000Z", "", "0A", "unknown", "/C=JP/CN=one"}
	var all []Row
	add := func(name string, change func(f *[6]string), accept bool, why string) {
		f := good
		if change != nil {
			change(&f)
		}
		all = append(all, Row{"index: " + name, strings.Join(f[:], "\t"), accept, why})
	}
	field := func(n int, what, value string, accept bool, why string) {
		add(what, func(f *[6]string) { f[n] = value }, accept, why)
	}
	revoked := func(what, value string, accept bool, why string) {
		add("revocation: "+what, func(f *[6]string) { f[0], f[2] = "R", value }, accept, why)
	}
	add("plain", nil, true, "")
	field(0, "status E", "E", true, "openssl ca -updatedb")
	field(0, "status R without a date", "R", false, "RFC 5280 5.1.2.6: a revocation has a date")
	field(0, "a status in lower case", "v", false, "V, R or E")
	field(0, "no status", "", false, "V, R or E")
	field(0, "two letters of status", "VR", false, "V, R or E")
	field(2, "valid and revoked", "261101060000Z", false, "one contradicts the other")
	const form = "RFC 5280 4.1.2.5"
	for _, v := range []struct {
		name, text string
		accept     bool
		why        string
	}{
		{"without seconds", "2711240600Z", true, "X.680 47.3; old versions of OpenSSL wrote it"},
		{"GeneralizedTime", "20271124060000Z", true, form}, {"of 2050", "20500101000000Z", true, form},
		{"of 1999", "991231235959Z", true, form},
		{"the end of time", "99991231235959Z", true, form}, {"empty", "", false, "every certificate has a notAfter"},
		{"without Z", "271124060000", false, form}, {"with an offset", "271124060000+0900", false, form},
		{"of month 13", "271324060000Z", false, form},
		{"of 30 February", "270230060000Z", false, form}, {"of hour 24", "271124240000Z", false, form},
		{"a Unix time", "1827036000", false, form},
		{"in RFC 3339", "2027-11-24T06:00:00Z", false, form}, {"with letters", "27112406000xZ", false, form},
		{"before X.509", "870101000000Z", false, "1987: before there were certificates"},
	} {
		field(1, "expiry "+v.name, v.text, v.accept, v.why)
	}
	all = append(all, indexSerials(good)...)
	at := "261101060000Z"
	revoked("a date alone", at, true, "")
	revoked("a GeneralizedTime", "20261101060000Z", true, "")
	revoked("the first second of 1970", "700101000000Z", false, "a sentinel, no date")
	revoked("in the future", "281101060000Z", false, "RFC 5280 5.1.2.6: announced, not done")
	revoked("a broken date", "261301060000Z", false, form)
	revoked("an empty date", ",keyCompromise", false, "RFC 5280 5.1.2.6: a revocation has a date")
	for _, r := range []string{"unspecified", "keyCompromise", "CACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold"} {
		revoked("reason "+r, at+","+r, true, "RFC 5280 5.3.1")
	}
	revoked("a reason in lower case", at+",keycompromise", true, "OpenSSL compares without case")
	revoked("removeFromCRL", at+",removeFromCRL", false, "RFC 5280 5.3.1: of delta lists")
	revoked("an unknown reason", at+",because", false, "RFC 5280 5.3.1")
	revoked("an empty reason", at+",", false, "RFC 5280 5.3.1")
	revoked("a detail without meaning", at+",superseded,x", false, "no such field")
	revoked("a hold instruction", at+",holdInstruction,holdInstructionReject", true, "RFC 3280 5.3.2: on hold")
	revoked("a time of compromise", at+",keyTime,20261031120000Z", true, "RFC 5280 5.3.2: an invalidity date")
	revoked("a broken time of compromise", at+",keyTime,2026", false, "RFC 5280 5.3.2: GeneralizedTime")
	revoked("a time of compromise that is missing", at+",CAkeyTime", false, "RFC 5280 5.3.2: GeneralizedTime")
	field(5, "subject in kanji", "/C=JP/CN=利用者", true, "")
	field(5, "subject with an escaped tab", "/CN=a\\\tb", false, "a control character in a name")
	field(5, "subject with a terminal escape", "/CN=\x1b[2J", false, "a control character in a name")
	field(5, "subject in Shift_JIS", "/CN=\x8eR\x93c", false, "RFC 5280 4.1.2.4: UTF-8")
	field(5, "no subject", "", true, "the serial number names the certificate")
	field(4, "a file's name", "/certs/0A.pem", true, "not used")
	for _, v := range []struct{ name, line string }{
		{"five fields", strings.Join(good[:5], "\t")}, {"seven fields", strings.Join(good[:], "\t") + "\tx"},
		{"spaces for tabs", strings.Join(good[:], " ")},
	} {
		all = append(all, Row{"index: " + v.name, v.line, false, "six fields with tabs"})
	}
	return all
}

// indexSerials vary the serial number, which OpenSSL writes in an even number of hexadecimal digits, without a sign
// octet.
func indexSerials(good [6]string) (all []Row) {
	const bound = "RFC 5280 4.1.2.2: at most 20 octets"
	for _, v := range []struct {
		name, text string
		accept     bool
		why        string
	}{
		{"1", "01", true, ""}, {"in lower case", "0a", true, ""},
		{"with the top bit set", "F0FF", true, "without the sign octet of DER"},
		{"with leading zeros", "000A", true, "one number"}, {"of an odd number of digits", "A", true, "one number"},
		{"of 20 octets", strings.Repeat("7F", 20), true, ""},
		{"of 20 octets with the top bit set", strings.Repeat("F0", 20), false, bound},
		{"of 21 octets", strings.Repeat("7F", 21), false, bound}, {"0", "00", false, "RFC 5280 4.1.2.2: positive"},
		{"negative", "-01", false, "RFC 5280 4.1.2.2: positive"}, {"empty", "", false, "RFC 5280 4.1.2.2: an INTEGER"},
		{"no number", "xyz", false, "RFC 5280 4.1.2.2: an INTEGER"},
		{"with a space", "0A 0B", true, "as Windows prints it"},
	} {
		f := good
		f[3] = v.text
		all = append(all, Row{"index: serial " + v.name, strings.Join(f[:], "\t"), v.accept, v.why})
	}
	return all
}
