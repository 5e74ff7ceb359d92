package keyscan

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
)

// Figures are octets or words that are written as numbers, in lists and in columns, with addresses before them or
// without: what od prints in each of its formats, arrays of source code in base two and eight, and tables whose cells
// are numbers.

// minFigures is how many octets a list must give to be looked into.
const minFigures = 20

// scanFigures takes every piece of text that consists of numbers for what they may mean.
func (s *scanner) scanFigures(b []byte) *Finding {
	return s.eachRun(b, charHex|charSeparator, 4*minFigures, func(run []byte) *Finding {
		for _, words := range figures(run) {
			for _, read := range readings {
				if out := read(words); len(out) >= minFigures {
					if f := s.decoded("a list of numbers", out); f != nil || s.stopped {
						return f
					}
				}
			}
		}
		return nil
	})
}

// figures are the numbers of a text, as they stand, and without the addresses that its lines may begin with.
func figures(run []byte) (ways [][][]byte) {
	var lines [][][]byte
	for line := range bytes.Lines(run) {
		words := bytes.FieldsFunc(line,
			func(r rune) bool { return bytes.ContainsRune([]byte(" \t\r\n\f\v:,;_.|\"'{}()[]&#"), r) })
		if len(words) > 0 {
			lines = append(lines, words)
		}
	}
	ways = make([][][]byte, 1, 2)
	if addressed(lines) {
		ways = append(ways, nil)
	}
	for skip := range ways {
		for _, words := range lines {
			ways[skip] = append(ways[skip], words[skip:]...)
		}
	}
	return ways
}

// addressed reports whether the first number of each line counts on by one step, in the base of one of the tools.
func addressed(lines [][][]byte) bool {
	if len(lines) < 3 || len(lines[0][0]) < 3 {
		return false
	}
	return slices.ContainsFunc([]int{8, 10, 16}, func(base int) bool {
		var at [3]int64
		for i := range at {
			n, err := strconv.ParseInt(string(lines[i][0]), base, 64)
			if err != nil {
				return false
			}
			at[i] = n
		}
		return at[0] < at[1] && at[1]-at[0] == at[2]-at[1]
	})
}

// readings are what numbers may mean. Each gives nothing for numbers that cannot mean it.
var readings = []func(words [][]byte) []byte{
	func(w [][]byte) []byte { return numbers(w, 2, 2, 2, 16, octet) },
	func(w [][]byte) []byte { return numbers(w, 8, 8, 8, 16, binary.LittleEndian.AppendUint32) },
	func(w [][]byte) []byte { return numbers(w, 1, 4, 3, 8, octet) },
	func(w [][]byte) []byte { return numbers(w, 6, 6, 6, 8, word) },
	func(w [][]byte) []byte { return numbers(w, 1, 4, 3, 10, octet) },
	func(w [][]byte) []byte { return numbers(w, 1, 6, 5, 10, word) },
	binaryDigits,
}

func octet(out []byte, n uint32) []byte { return append(out, byte(n)) }

func word(out []byte, n uint32) []byte { return binary.LittleEndian.AppendUint16(out, uint16(n)) }

// numbers reads words of some lengths, where most is that of the longest one without a sign or a leading zero. A word
// of another length, or in another base, ends it.
func numbers(words [][]byte, least, longest, most, base int, put func([]byte, uint32) []byte) (out []byte) {
	for _, w := range words {
		if len(w) < least || len(w) > longest || len(w) > most && w[0] != '-' && w[0] != '0' {
			return nil
		}
		n, err := strconv.ParseInt(string(w), base, 64)
		if err != nil {
			return nil
		}
		out = put(out, uint32(n))
	}
	return out
}

// binaryDigits reads zeros and ones, in groups of any length.
func binaryDigits(words [][]byte) (out []byte) {
	n, value := 0, byte(0)
	for _, w := range words {
		for _, c := range bytes.TrimPrefix(w, []byte("0b")) {
			if c != '0' && c != '1' {
				return nil
			}
			if value, n = value<<1|(c-'0'), n+1; n%8 == 0 {
				out = append(out, value)
			}
		}
	}
	return out
}

// tag is a piece of markup between characters.
var tag = regexp.MustCompile(`<[^<>]{1,256}>`)

// scanMarkup takes the tags out of a text: a table of a page may hold a digit in each cell.
func (s *scanner) scanMarkup(b []byte) *Finding {
	const name = "markup"
	if slices.Contains(s.path, name) {
		return nil
	}
	return s.eachRun(b, charText, minRun, func(run []byte) *Finding {
		if bytes.Count(run, []byte("</")) < minEscapes {
			return nil
		}
		text := tag.ReplaceAll(run, []byte(" "))
		s.path = append(s.path, name)
		defer func() { s.path = s.path[:len(s.path)-1] }()
		return wrap(s.scanText(text, true), name) // what is packed lies in no text, and would be damaged by this
	})
}

// firmware is a line of the formats for loading programs, of Intel and of Motorola: length, address, octets and sum.
var firmware = regexp.MustCompile(`(?m)^(?::[0-9A-Fa-f]{6}00|S1[0-9A-Fa-f]{6}|S2[0-9A-Fa-f]{8}|S3[0-9A-Fa-f]{10})` +
	`([0-9A-Fa-f]{2,512})[0-9A-Fa-f]{2}\r?$`)

// scanFirmware takes the octets out of them.
func (s *scanner) scanFirmware(b []byte) *Finding {
	if !firmware.Match(b) || !s.spend(len(b)) {
		return nil
	}
	var digits []byte
	for _, m := range firmware.FindAllSubmatch(b, -1) {
		digits = append(digits, m[1]...)
	}
	return s.decoded("a program image", decode16(nil, digits))
}

// scanBase32Others decodes base32 in small letters, and in the alphabet that goes on from the digits (RFC 4648 section
// 7).
func (s *scanner) scanBase32Others(b []byte) *Finding {
	const shortest = 64
	return s.eachRun(b, charBase64|charSkip, shortest, func(run []byte) *Finding {
		for _, digits := range []string{"abcdefghijklmnopqrstuvwxyz234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV"} {
			if f := s.decoded("base32 text", decode32(run, digits)); f != nil || s.stopped {
				return f
			}
		}
		return nil
	})
}

// decode32 gives nothing for a text with a letter or digit of another alphabet.
func decode32(run []byte, digits string) (out []byte) {
	value, have := uint32(0), 0
	for _, c := range run {
		d := bytes.IndexByte([]byte(digits), c)
		switch {
		case d < 0 && charClass[c]&charBase64 != 0:
			return nil
		case d < 0:
			continue
		}
		if value, have = value<<5|uint32(d), have+5; have >= 8 {
			have -= 8
			out = append(out, byte(value>>have))
		}
	}
	return out
}
