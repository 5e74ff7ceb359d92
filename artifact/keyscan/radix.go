package keyscan

import (
	"bytes"
	"math/big"
	"regexp"
	"strings"
)

// Digits of a base that is no power of two: the octets of a key as one number, in base ten or 58, and groups of five
// digits of base 85. A number is read whole, so that it must have a begin and an end; what stands in lines is joined.

const (
	// minNumber is how many digits make the shortest key: 48 octets in base 58.
	minNumber = 60
	// maxNumber bounds the time that one number takes; an RSA key of 16,384 bits has 22,000 digits.
	maxNumber = 32 << 10
)

// digits58 are those of Bitcoin's base58, and as package big writes a number in that base.
var digits58 = strings.NewReplacer(pairs("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV")...)

func pairs(from, to string) (all []string) {
	for i := range len(from) {
		all = append(all, from[i:i+1], to[i:i+1])
	}
	return all
}

// number58 is a word of base58 digits only; one of base64 has other ones, too.
var number58 = regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]+$`)

// number10 is a word of decimal digits.
var number10 = regexp.MustCompile(`^[0-9]+$`)

// scanNumber reads words, and lines of one word that follow each other, as one number.
func (s *scanner) scanNumber(b []byte) *Finding {
	return s.eachPiece(b, func(piece []byte) *Finding {
		if len(piece) < minNumber || len(piece) > maxNumber {
			return nil
		}
		var n big.Int
		ok, what := false, ""
		switch {
		case number10.Match(piece):
			_, ok = n.SetString(string(piece), 10)
			what = "a decimal number"
		case number58.Match(piece):
			_, ok = n.SetString(digits58.Replace(string(piece)), 58)
			what = "base58 text"
		}
		if !ok {
			return nil
		}
		return s.decoded(what, n.Bytes())
	})
}

// alphabets85 are those of base 85 in use: ASCII85 without its marks, of RFC 1924 (git, Python), and of ZeroMQ.
var alphabets85 = func() (all [3][256]int8) {
	ascii := make([]byte, 85)
	for i := range ascii {
		ascii[i] = byte('!' + i)
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for n, alphabet := range []string{
		string(ascii),
		"0123456789" + letters + strings.ToLower(letters) + "!#$%&()*+-;<=>?@^_`{|}~",
		"0123456789" + strings.ToLower(letters) + letters + ".-:+=^!/*?&<>()[]{}@%$#",
	} {
		for i := range all[n] {
			all[n][i] = -1
		}
		for i := range len(alphabet) {
			all[n][alphabet[i]] = int8(i)
		}
	}
	return all
}()

// scanBase85 reads words, and lines of one word that follow each other, in each alphabet.
func (s *scanner) scanBase85(b []byte) *Finding {
	return s.eachPiece(b, func(piece []byte) *Finding {
		if len(piece) < minNumber {
			return nil
		}
		for i := range alphabets85 {
			if f := s.decoded("base85 text", decode85(piece, &alphabets85[i], i == 0)); f != nil || s.stopped {
				return f
			}
		}
		return nil
	})
}

// decode85 gives nothing for text with a character of another alphabet. zeros lets z stand for four octets of zero.
func decode85(text []byte, digit *[256]int8, zeros bool) []byte {
	out := make([]byte, 0, len(text)/5*4+4)
	value, have := uint32(0), 0
	for _, c := range text {
		d := digit[c]
		switch {
		case d >= 0:
			value, have = value*85+uint32(d), have+1
		case zeros && c == 'z' && have == 0:
			out = append(out, 0, 0, 0, 0)
			continue
		default:
			return nil
		}
		if have == 5 {
			out = append(out, byte(value>>24), byte(value>>16), byte(value>>8), byte(value))
			value, have = 0, 0
		}
	}
	for i := have; i < 5 && have > 1; i++ {
		value = value*85 + 84
	}
	for i := 0; i < have-1; i++ {
		out = append(out, byte(value>>24))
		value <<= 8
	}
	return out
}

// eachPiece calls f with every word of text, and with what is made of words that fill lines which follow each other.
func (s *scanner) eachPiece(b []byte, f func(piece []byte) *Finding) *Finding {
	return s.eachRun(b, charText, minNumber, func(run []byte) *Finding {
		var lines []byte
		count := 0
		end := func() (found *Finding) {
			if count > 1 {
				found = f(lines)
			}
			lines, count = lines[:0], 0
			return found
		}
		for line := range bytes.Lines(run) {
			words := bytes.Fields(line)
			if len(words) == 1 {
				lines, count = append(lines, bytes.TrimSuffix(words[0], []byte(`\`))...), count+1
			}
			if len(words) != 1 || count == 1 {
				for _, w := range words {
					if found := f(bytes.Trim(w, "\"'`,;")); found != nil || s.stopped {
						return found
					}
				}
			}
			if len(words) != 1 {
				if found := end(); found != nil || s.stopped {
					return found
				}
			}
		}
		return end()
	})
}

// yEncBegin is the line before yEnc data, which has 8 bits.
var yEncBegin = regexp.MustCompile(`=ybegin [^\r\n]{1,512}\r?\n(?:=ypart [^\r\n]{1,256}\r?\n)?`)

// scanYEnc decodes yEnc data, as in news and mail.
func (s *scanner) scanYEnc(b []byte) *Finding {
	for _, m := range yEncBegin.FindAllIndex(b, -1) {
		rest := b[m[1]:]
		if end := bytes.Index(rest, []byte("\n=yend")); end >= 0 {
			rest = rest[:end]
		}
		if !s.spend(len(rest)) {
			return nil
		}
		out := make([]byte, 0, len(rest))
		for i := 0; i < len(rest); i++ {
			switch c := rest[i]; {
			case c == '\r' || c == '\n':
			case c == '=' && i+1 < len(rest):
				i++
				out = append(out, rest[i]-64-42)
			default:
				out = append(out, c-42)
			}
		}
		if f := s.decoded("yEnc data", out); f != nil || s.stopped {
			return f
		}
	}
	return nil
}
