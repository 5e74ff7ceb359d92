package pdf

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// chain reads the cross-reference sections from the newest to the oldest; the first entry for a number counts.
func (f *File) chain(at int) error {
	seen := map[int]bool{}
	for first := true; ; first = false {
		if seen[at] || len(seen) == maxRevisions {
			return errors.New("the chain of cross-references loops or is too long")
		}
		seen[at] = true
		trailer, stream, err := f.section(at)
		if err != nil {
			return fmt.Errorf("cross-reference at byte %d: %w", at, err)
		}
		if first {
			f.trailer, f.stream = trailer, stream
		}
		if hybrid, ok := offset(trailer["XRefStm"]); ok && !stream && !seen[hybrid] { // section 7.5.8.4
			seen[hybrid] = true
			if _, _, err := f.section(hybrid); err != nil {
				return fmt.Errorf("cross-reference at byte %d: %w", hybrid, err)
			}
		}
		prev := trailer["Prev"]
		if prev == nil {
			return nil
		}
		var ok bool
		if at, ok = offset(prev); !ok {
			return errors.New("the value of Prev in a trailer is not an offset")
		}
	}
}

func offset(o Object) (int, bool) {
	n, ok := o.(Number)
	if !ok {
		return 0, false
	}
	i, ok := n.Int()
	return i, ok && i >= 0
}

func (f *File) section(at int) (trailer Dict, stream bool, err error) {
	if at >= len(f.b) {
		return nil, false, errors.New("it lies outside the file")
	}
	l := &lexer{f.b, at}
	if l.accept("xref") {
		trailer, err = f.table(l)
		return trailer, false, err
	}
	trailer, err = f.xrefStream(l)
	return trailer, true, err
}

// table reads a cross-reference table, section 7.5.4.
func (f *File) table(l *lexer) (Dict, error) {
	for !l.accept("trailer") {
		first, ok := l.integer()
		count, ok2 := l.integer()
		if !ok || !ok2 || first > maxObjects || count > maxObjects {
			return nil, errors.New("malformed table")
		}
		for i := range count {
			at, ok := l.integer()
			generation, ok2 := l.integer()
			if !ok || !ok2 {
				return nil, errors.New("malformed table entry")
			}
			switch kind := l.word(); kind {
			case "n":
				f.add(first+i, entry{offset: at, generation: generation})
			case "f":
				f.add(first+i, entry{offset: -1, generation: -1})
			default:
				return nil, errors.New("malformed table entry")
			}
		}
	}
	o, err := l.object(0)
	if err != nil {
		return nil, err
	}
	d, ok := o.(Dict)
	if !ok {
		return nil, errors.New("the trailer is not a dictionary")
	}
	return d, nil
}

// add records an entry unless a newer section did; a free entry (offset -1) hides older ones.
func (f *File) add(number int, e entry) {
	if _, known := f.entries[number]; !known {
		f.entries[number] = e
	}
}

// xrefStream reads a cross-reference stream, section 7.5.8.
func (f *File) xrefStream(l *lexer) (Dict, error) {
	n, ok := l.integer()
	if _, ok2 := l.integer(); !ok || !ok2 || !l.accept("obj") {
		return nil, errors.New("neither a table nor a stream is there")
	}
	o, err := l.object(0)
	d, isDict := o.(Dict)
	if err != nil || !isDict || d["Type"] != Name("XRef") {
		return nil, fmt.Errorf("object %d is not a cross-reference stream", n)
	}
	data, err := f.data(d, l)
	if err != nil {
		return nil, err
	}
	widths, err := integers(d["W"], 3)
	if err != nil || widths[0] > 4 || widths[1] > 4 || widths[2] > 4 || widths[1] == 0 {
		return nil, errors.New("the W of the cross-reference stream is malformed")
	}
	size, ok := offset(d["Size"])
	if !ok || size > maxObjects {
		return nil, errors.New("the Size of the cross-reference stream is malformed")
	}
	index := []int{0, size}
	if a, ok := d["Index"].(Array); ok {
		if index, err = integers(a, len(a)); err != nil || len(index)%2 != 0 {
			return nil, errors.New("the Index of the cross-reference stream is malformed")
		}
	}
	return d, f.rows(data, widths, index)
}

func (f *File) rows(data []byte, w, index []int) error {
	row := w[0] + w[1] + w[2]
	for i := 0; i < len(index); i += 2 {
		if index[i] > maxObjects || index[i+1] > maxObjects {
			return errors.New("the Index of the cross-reference stream is malformed")
		}
		for j := range index[i+1] {
			if f.rowsRead++; len(data) < row || f.rowsRead > 4*maxObjects {
				return errors.New("the cross-reference stream is too short, or there are too many entries")
			}
			kind := 1
			if w[0] > 0 {
				kind = number(data[:w[0]])
			}
			a, b := number(data[w[0]:w[0]+w[1]]), number(data[w[0]+w[1]:row])
			data = data[row:]
			switch kind {
			case 0:
				f.add(index[i]+j, entry{offset: -1, generation: -1})
			case 1:
				f.add(index[i]+j, entry{offset: a, generation: b})
			case 2:
				f.add(index[i]+j, entry{offset: b, container: a})
			}
		}
	}
	return nil
}

func number(b []byte) int {
	n := 0
	for _, c := range b {
		n = n<<8 | int(c)
	}
	return n
}

func integers(o Object, count int) ([]int, error) {
	a, ok := o.(Array)
	if !ok || len(a) != count {
		return nil, errors.New("not an array of integers")
	}
	list := make([]int, count)
	for i, e := range a {
		if list[i], ok = offset(e); !ok {
			return nil, errors.New("not an array of integers")
		}
	}
	return list, nil
}

// data returns the decoded data of the stream whose dictionary the lexer has just read. Filters other than FlateDecode
// do not occur where this is used.
func (f *File) data(d Dict, l *lexer) ([]byte, error) {
	if !l.accept("stream") {
		return nil, errors.New("it is not a stream")
	}
	if bytes.HasPrefix(l.b[l.pos:], []byte("\r\n")) {
		l.pos += 2
	} else if bytes.HasPrefix(l.b[l.pos:], []byte("\n")) {
		l.pos++
	} else {
		return nil, errors.New("its data does not begin on a new line")
	}
	o, err := f.Resolve(d["Length"])
	if err != nil {
		return nil, err
	}
	length, ok := offset(o)
	if !ok || length > len(l.b)-l.pos {
		return nil, errors.New("its length is malformed")
	}
	raw := l.b[l.pos : l.pos+length]
	end := lexer{l.b, l.pos + length}
	if !end.accept("endstream") {
		return nil, errors.New("its length is wrong")
	}
	return decode(raw, d)
}

func decode(raw []byte, d Dict) ([]byte, error) {
	filter, params := d["Filter"], d["DecodeParms"]
	if a, ok := filter.(Array); ok && len(a) == 1 {
		filter = a[0]
		if p, ok := params.(Array); ok && len(p) == 1 {
			params = p[0]
		}
	}
	if filter == nil {
		return raw, nil
	}
	if filter != Name("FlateDecode") {
		return nil, fmt.Errorf("its filter %v is not supported", filter)
	}
	z, err := zlib.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("inflating: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("inflating: %w", err)
	}
	if len(out) > maxInflated {
		return nil, errors.New("inflating: it is too large")
	}
	p, _ := params.(Dict)
	return unpredict(out, p)
}
