package keyscan

import (
	"bytes"
	"regexp"
)

var textMagics = []magic{
	{"PuTTY-User-Key-File-", 0, []form{{"PuTTY-User-Key-File-", "PuTTY private key", nil}}},
	{"<InverseQ>", 0, []form{{"<InverseQ>", "XML private key", nil}}},
	{"AGE-SECRET-KEY-",
		0, []form{{"AGE-SECRET-KEY-1", "age private key", nil}, {"AGE-SECRET-KEY-PQ-1", "age private key", nil}}},
	{"Private-key-format: v1.", 0, []form{{"Private-key-format: v1.", "DNSSEC private key", nil}}},
	{" secret key", 0, []form{{" secret key\nRW", "minisign or signify private key", nil}, {" secret key\r\nRW",
		"minisign or signify private key", nil}}},
}

var wideMagics = []magic{
	{"P\x00R\x00I\x00V\x00A\x00T\x00E\x00", 0, []form{
		{"P\x00R\x00I\x00V\x00A\x00T\x00E\x00 \x00K\x00E\x00Y\x00-\x00", "PEM private key in UTF-16", nil}}},
}

// A pattern is looked for around each occurrence of a rare word.
type pattern struct {
	word          string
	before, after int // how much of the surroundings is looked at
	form          *regexp.Regexp
	what          string
}

var patterns = []pattern{
	// The label of PEM, in any wrapping: lines may break within it.
	{"PRIVATE", 0, 64, regexp.MustCompile(`^PRIVATE\s*KEY\s*(?:BLOCK\s*)?-{4,5}`), "PEM private key"},
	// golang.org/x/mod/sumdb/note
	{"PRIVATE+KEY+", 0, 200, regexp.MustCompile(`^PRIVATE\+KEY\+[!-*,-~]`), "note signing key"},
	{"private-key", 24, 24, regexp.MustCompile(`\(\s*(?:[0-9]+:)?(?:protected-|shadowed-)?private-key\s*\(`),
		"GnuPG private key"},
	{"PrivateKey", 0, 128, regexp.MustCompile(`^PrivateKey\s*[:=]\s*"?[A-Za-z0-9+/]{42}`),
		"private key in a configuration"},
	// openssl asn1parse: SEC1 is the number 1 and an octet string, PKCS#1 the number 0 and long numbers.
	{"prim:", 0, 400,
		regexp.MustCompile(`(?s)^prim:\s*INTEGER\s*:0?1\s.{0,60}prim:\s*OCTET\s*STRING\s*\[HEX\s*DUMP\]:[0-9A-Fa-f]{28}`), "text dump of a private key"},
	{"prim:", 0, 6000,
		regexp.MustCompile(`(?s)^prim:\s*INTEGER\s*:0?0\s[^:]{0,60}:?[^:]{0,60}prim:\s*INTEGER\s*:[0-9A-Fa-f\s]{64}.*?prim:\s*INTEGER\s*:[0-9A-Fa-f]{2}.*?prim:\s*INTEGER\s*:[0-9A-Fa-f]{64}`), "text dump of a private key"},
}

// shortestText is the length of the shortest form of key in text, AGE-SECRET-KEY-1.
const shortestText = 16

// findText looks for keys that announce themselves in text. Words are searched for in pieces of text only, which in
// most of what is published are few and short; what stands around them is looked at wherever it reaches.
func findText(b []byte) *Finding {
	for at := nextWord(b, 0); at >= 0; at = nextWord(b, at) {
		start, end := at, at
		for start > 0 && charClass[b[start-1]]&charText != 0 {
			start--
		}
		for end < len(b) && charClass[b[end]]&charText != 0 {
			end++
		}
		if end-start >= shortestText {
			if f := findWords(b, start, end); f != nil {
				return f
			}
		}
		at = end
	}
	if f := findMagics(b, wideMagics); f != nil {
		return f
	}
	return findCOSE(b)
}

// nextWord finds three letters in a row at or after from, as there are in every word that is searched for, or returns
// -1. It looks at one octet in three until it meets a letter.
func nextWord(b []byte, from int) int {
	const n = 3
	for at := from + n - 1; at < len(b); {
		run := 0
		for run < n && isLetter(b[at-run]) {
			run++
		}
		if run == n {
			return at - n + 1
		}
		at += n - run
	}
	return -1
}

func isLetter(c byte) bool { return (c|0x20)-'a' < 26 }

// findWords looks for the words in b[start:end].
func findWords(b []byte, start, end int) *Finding {
	run := b[start:end]
	if f := findMagics(run, textMagics); f != nil {
		f.Offset += start
		return f
	}
	for i := range patterns {
		p := &patterns[i]
		found := each(run, p.word, func(at int) *Finding {
			at += start
			from := max(at-p.before, 0)
			if !p.form.Match(b[from:min(at+p.after, len(b))]) {
				return nil
			}
			return &Finding{What: p.what, Offset: at}
		})
		if found != nil {
			return found
		}
	}
	if f := findDump(b, start, end); f != nil {
		return f
	}
	return findJWK(b, start, end)
}

// dumpLabels are the words before the private numbers in what openssl pkey -text, certtool --key-info and others print,
// in lower case and without spaces and dashes.
var dumpLabels = map[string]bool{
	"priv": true, "private": true, "privateexponent": true, "privatekey": true, "privatevalue": true, "privated": true,
	"privexponent": true, "privkey": true, "prime1": true, "prime2": true, "primep": true, "primeq": true,
}

// dumpWords are parts of all of them.
var dumpWords = []string{"riv", "RIV", "rime", "RIME"}

// findDump looks for labels of private numbers in b[start:end], each with a long number behind it.
func findDump(b []byte, start, end int) *Finding {
	for _, word := range dumpWords {
		found := each(b[start:end], word, func(at int) *Finding {
			if at += start; at == 0 || b[at-1]|0x20 != 'p' || !isLabelledNumber(b[at-1:]) {
				return nil
			}
			return &Finding{What: "text dump of a private key", Offset: at - 1}
		})
		if found != nil {
			return found
		}
	}
	return nil
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// isLabelledNumber reports whether b is a label, a colon or an equals sign, and a number of at least twelve octets, in
// hexadecimal with colons or without, over any number of lines. A long decimal number looks the same.
func isLabelledNumber(b []byte) bool {
	const longest, digits = 40, 24
	var label []byte
	at := 0
	for ; at < len(b) && at < longest && b[at] != ':' && b[at] != '='; at++ {
		if c := b[at]; c != ' ' && c != '-' && c != '\n' && c != '\r' && c != '\t' {
			label = append(label, lower(c))
		}
	}
	if at == len(b) || at == longest || !dumpLabels[string(label)] {
		return false
	}
	b = bytes.TrimLeft(b[at+1:], " \t\r\n(\"'")
	b = bytes.TrimPrefix(b, []byte("0x"))
	n := 0
	for _, c := range b {
		switch {
		case charClass[c]&charHex != 0:
			if n++; n == digits {
				return true
			}
		case c != ':' && c != ' ' && c != '\n' && c != '\r' && c != '\t':
			return false
		}
	}
	return false
}

// The private members of a JSON Web Key, RFC 7518 section 6, and what may stand around a name and a value: quotes of
// any kind, escaped or not. A long value needs no quotes.
const quote = `(?:\\*["'` + "`" + `]|%22|&quot;|\\u0022)`

var (
	jwkStrict = regexp.MustCompile(`"(?:d|k)"\s*:\s*"`)
	jwkLoose  = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])(?:d|k|p|q|dp|dq|qi)` + quote + `?\s*(?::|=>?|%3A)\s*` + quote +
		`?[A-Za-z0-9_+/-]{20}`)
)

// jwkWord is the member that says of which kind a JSON Web Key is.
const jwkWord = "kty"

// jwkReach is how far from the word kty the private member is looked for.
const jwkReach = 8192

// findJWK looks for a JSON Web Key (RFC 7517) with a private member around the word kty in b[from:to].
func findJWK(b []byte, from, to int) *Finding {
	seen := 0
	return each(b[from:to], jwkWord, func(at int) *Finding {
		if at += from; at < seen {
			return nil
		}
		seen = at + jwkReach/2
		start := max(at-jwkReach, 0)
		window := b[start:min(at+jwkReach, len(b))]
		m := jwkStrict.FindIndex(window)
		if m == nil {
			m = jwkLoose.FindIndex(window)
		}
		if m == nil {
			return nil
		}
		return &Finding{What: "JSON Web Key with a private member", Offset: start + m[0]}
	})
}

// coseReach is how far before the private member a COSE key may begin.
const coseReach = 200

// findCOSE looks for a COSE_Key (RFC 9052 section 7) of an elliptic curve with the private member -4.
func findCOSE(b []byte) *Finding {
	return each(b, "\x23\x58", func(at int) *Finding {
		for start := at - 1; start >= max(at-coseReach, 0); start-- {
			if isCOSEKey(b[start:]) {
				return &Finding{What: "COSE key with a private member", Offset: start}
			}
		}
		return nil
	})
}

// isCOSEKey reads a CBOR map with small labels, as far as integers and strings go.
func isCOSEKey(b []byte) bool {
	if len(b) == 0 || b[0] < 0xa3 || b[0] > 0xab {
		return false
	}
	count := int(b[0] & 0x1f)
	b = b[1:]
	curve, private, kind := false, false, false
	for range count {
		if len(b) < 2 {
			return false
		}
		label := b[0]
		if label>>5 > 1 {
			return false
		}
		value, rest, ok := cborItem(b[1:])
		if !ok {
			return false
		}
		switch label {
		case 0x01: // kty: OKP or EC2
			kind = len(value) == 1 && (value[0] == 1 || value[0] == 2)
		case 0x20: // -1, the curve
			curve = len(value) == 1 && value[0] >= 1 && value[0] <= 8
		case 0x23: // -4, d
			private = len(value) >= 28 && len(value) <= 66
		}
		b = rest
	}
	return kind && curve && private
}

// cborItem returns the content of a string or the one octet of a small number.
func cborItem(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	major, n := b[0]>>5, int(b[0]&0x1f)
	head := 1
	if n == 24 && len(b) > 1 {
		n, head = int(b[1]), 2
	} else if n >= 24 {
		return nil, nil, false
	}
	switch major {
	case 0, 1:
		return []byte{byte(n)}, b[head:], true
	case 2, 3:
		if len(b) < head+n {
			return nil, nil, false
		}
		return b[head : head+n], b[head+n:], true
	case 7:
		return nil, b[head:], n == 20 || n == 21
	}
	return nil, nil, false
}

// squeeze returns b without white space, for text that was placed glyph by glyph.
func squeeze(b []byte) []byte {
	return bytes.Join(bytes.Fields(b), nil)
}
