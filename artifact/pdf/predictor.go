package pdf

import (
	"errors"
	"fmt"
)

// unpredict undoes the predictor of Flate and LZW, ISO 32000-1 section 7.4.4.4: 2 is TIFF's, 10 to 15 are those of PNG.
func (f *File) unpredict(predictor int, p Dict, b []byte) ([]byte, error) {
	number := func(key Name, otherwise int) int {
		if n, ok := f.Resolve(p[key]).(Number); ok {
			return int(n)
		}
		return otherwise
	}
	colors, bits, columns := number("Colors", 1), number("BitsPerComponent", 8), number("Columns", 1)
	if colors < 1 || colors > 64 || bits < 1 || bits > 16 || columns < 1 || columns > 1<<20 {
		return nil, errors.New("has a predictor whose parameters are out of range")
	}
	pixel, row := max(1, colors*bits/8), (colors*bits*columns+7)/8
	switch {
	case predictor == 2 && bits == 8:
		return untiff(b, pixel, row), nil
	case predictor >= 10 && predictor <= 15:
		return unpng(b, pixel, row)
	}
	return nil, fmt.Errorf("has predictor %d with %d bits for a component, which cannot be undone", predictor, bits)
}

func untiff(b []byte, pixel, row int) []byte {
	for start := 0; start < len(b); start += row {
		end := min(start+row, len(b))
		for i := start + pixel; i < end; i++ {
			b[i] += b[i-pixel]
		}
	}
	return b
}

// unpng undoes the filters of PNG (ISO/IEC 15948 section 9) in place. Each row begins with the number of its filter.
func unpng(b []byte, pixel, row int) ([]byte, error) {
	out := b[:0]
	var above []byte
	for at := 0; at < len(b); at += row + 1 {
		kind, line := b[at], b[at+1:min(at+1+row, len(b))]
		for i := range line {
			var left, up, corner byte
			if i >= pixel {
				left = line[i-pixel]
			}
			if above != nil {
				up = above[i]
				if i >= pixel {
					corner = above[i-pixel]
				}
			}
			switch kind {
			case 0:
			case 1:
				line[i] += left
			case 2:
				line[i] += up
			case 3:
				line[i] += byte((int(left) + int(up)) / 2)
			case 4:
				line[i] += paeth(left, up, corner)
			default:
				return nil, fmt.Errorf("has a predictor that PNG does not define (%d)", kind)
			}
		}
		start := len(out)
		out = append(out, line...)
		above = out[start:]
	}
	return out, nil
}

func paeth(left, up, corner byte) byte {
	p := int(left) + int(up) - int(corner)
	a, b, c := distance(p, left), distance(p, up), distance(p, corner)
	switch {
	case a <= b && a <= c:
		return left
	case b <= c:
		return up
	}
	return corner
}

func distance(p int, v byte) int {
	return max(p-int(v), int(v)-p)
}
