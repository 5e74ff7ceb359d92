package pdf

import "errors"

// LZW codes with a meaning of their own, ISO 32000-1 section 7.4.4.
const (
	lzwClear = 256
	lzwEnd   = 257
	lzwFirst = 258
	lzwCodes = 4096
)

// An lzw holds the table of one LZW stream: each code is a prefix and one more byte. compress/lzw cannot be used, since
// it does not know the early change of the code's width that PDF has by default.
type lzw struct {
	prefix [lzwCodes]uint16
	suffix [lzwCodes]byte
	next   int
	out    []byte
}

// unlzw undoes LZWDecode. A missing end mark is accepted, as readers do.
func unlzw(b []byte, early bool, spend func(int) bool) (out, rest []byte, err error) {
	t, sum := &lzw{next: lzwFirst}, tally{spend: spend}
	shift := 0
	if early {
		shift = 1
	}
	var bits uint32
	have, width, previous := 0, 9, -1
	for i, c := range b {
		bits, have = bits<<8|uint32(c), have+8
		if have < width {
			continue
		}
		have -= width
		code := int(bits>>have) & (1<<width - 1)
		switch {
		case code == lzwEnd:
			if !sum.done(len(t.out)) {
				return nil, nil, errBudget
			}
			return t.out, b[i+1:], nil
		case code == lzwClear:
			t.next, width, previous = lzwFirst, 9, -1
			continue
		}
		if !t.emit(code, previous) {
			return nil, nil, errors.New("it uses a code that it has not defined")
		}
		if !sum.upTo(len(t.out)) {
			return nil, nil, errBudget
		}
		previous = code
		for width < 12 && t.next+shift >= 1<<width {
			width++
		}
	}
	if !sum.done(len(t.out)) {
		return nil, nil, errBudget
	}
	return t.out, nil, nil
}

// emit writes what code stands for and defines the next code.
func (t *lzw) emit(code, previous int) bool {
	if code > t.next || code == t.next && previous < 0 || previous < 0 && code > 255 {
		return false
	}
	start := len(t.out)
	if code == t.next { // the one that is being defined: the previous string and its own first byte
		t.expand(previous)
		t.out = append(t.out, t.out[start])
	} else {
		t.expand(code)
	}
	if previous >= 0 && t.next < lzwCodes {
		t.prefix[t.next], t.suffix[t.next] = uint16(previous), t.out[start]
		t.next++
	}
	return true
}

// expand appends the string of a code, which is found from its end.
func (t *lzw) expand(code int) {
	start := len(t.out)
	for code >= lzwFirst {
		t.out = append(t.out, t.suffix[code])
		code = int(t.prefix[code])
	}
	t.out = append(t.out, byte(code))
	for i, j := start, len(t.out)-1; i < j; i, j = i+1, j-1 {
		t.out[i], t.out[j] = t.out[j], t.out[i]
	}
}
