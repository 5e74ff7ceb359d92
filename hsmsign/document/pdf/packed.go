package pdf

import (
	"errors"
	"fmt"
)

// packed is a decoded object stream, ISO 32000-1 section 7.5.7.
type packed struct {
	data    []byte
	offsets map[int]int // by object number
}

// unpack reads an object that lies in an object stream.
func (f *File) unpack(number int, e entry) (Object, error) {
	p, err := f.container(e.container)
	if err != nil {
		return nil, fmt.Errorf("object stream %d: %w", e.container, err)
	}
	at, ok := p.offsets[number]
	if !ok {
		return nil, fmt.Errorf("object %d is not in object stream %d", number, e.container)
	}
	l := lexer{p.data, at}
	o, err := l.object(0)
	if err != nil {
		return nil, fmt.Errorf("object %d: %w", number, err)
	}
	return o, nil
}

func (f *File) container(number int) (*packed, error) {
	if p, ok := f.inside[number]; ok {
		if p == nil {
			return nil, errors.New("it contains itself")
		}
		return p, nil
	}
	f.inside[number] = nil // until it is read
	e, ok := f.entries[number]
	if !ok || e.container != 0 {
		return nil, errors.New("it is missing")
	}
	o, l, err := f.indirect(number, e.offset)
	if err != nil {
		return nil, err
	}
	d, ok := o.(Dict)
	if !ok || d["Type"] != Name("ObjStm") {
		return nil, errors.New("it is not of type ObjStm")
	}
	data, err := f.data(d, l)
	if err != nil {
		return nil, err
	}
	count, ok := offset(d["N"])
	first, ok2 := offset(d["First"])
	if !ok || !ok2 || count > maxObjects || first > len(data) {
		return nil, errors.New("its header is malformed")
	}
	p := &packed{data, map[int]int{}}
	head := lexer{data[:first], 0}
	for range count {
		n, ok := head.integer()
		at, ok2 := head.integer()
		if !ok || !ok2 || at > len(data)-first {
			return nil, errors.New("its header is malformed")
		}
		p.offsets[n] = first + at
	}
	f.inside[number] = p
	return p, nil
}

// unpredict undoes the PNG predictors that cross-reference streams use, ISO 32000-1 section 7.4.4.4.
func unpredict(in []byte, p Dict) ([]byte, error) {
	predictor, ok := offset(p["Predictor"])
	if !ok || predictor == 1 {
		return in, nil
	}
	columns, ok := offset(p["Columns"])
	if !ok {
		columns = 1
	}
	if predictor < 10 || columns < 1 || columns > 1<<16 || p["Colors"] != nil || p["BitsPerComponent"] != nil ||
		len(in)%(columns+1) != 0 {
		return nil, errors.New("its predictor is not supported")
	}
	out := make([]byte, 0, len(in))
	above := make([]byte, columns)
	for len(in) > 0 {
		kind, row := in[0], append([]byte{}, in[1:columns+1]...)
		in = in[columns+1:]
		for i := range row {
			var left, corner byte
			if i > 0 {
				left, corner = row[i-1], above[i-1]
			}
			switch kind {
			case 0:
			case 1:
				row[i] += left
			case 2:
				row[i] += above[i]
			case 3:
				row[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				row[i] += paeth(int(left), int(above[i]), int(corner))
			default:
				return nil, errors.New("its predictor is malformed")
			}
		}
		out = append(out, row...)
		above = row
	}
	return out, nil
}

func paeth(a, b, c int) byte {
	distance := func(x int) int { return max(a+b-c-x, x-a-b+c) }
	switch {
	case distance(a) <= distance(b) && distance(a) <= distance(c):
		return byte(a)
	case distance(b) <= distance(c):
		return byte(b)
	}
	return byte(c)
}
