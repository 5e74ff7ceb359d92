package pdf

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// An ObjectError says what cannot be looked into.
type ObjectError struct {
	Number int
	What   string // a phrase that continues "object 12 "
}

// Error implements error.
func (e *ObjectError) Error() string { return fmt.Sprintf("PDF object %d %s", e.Number, e.What) }

// Data is what a stream holds when its filters are undone.
type Data struct {
	Bytes   []byte
	Rest    []byte // encoded bytes behind the end of the encoding
	Picture string // the picture format that Bytes are in; empty when every filter was undone
}

// errBudget says that the caller's budget is used up.
var errBudget = errors.New("it unpacks to more than may be held")

// The abbreviations are for inline images, but readers accept them everywhere.
var fullNames = map[Name]Name{
	"Fl": "FlateDecode", "LZW": "LZWDecode", "AHx": "ASCIIHexDecode", "A85": "ASCII85Decode", "RL": "RunLengthDecode",
	"DCT": "DCTDecode", "CCF": "CCITTFaxDecode",
}

var pictures = map[Name]bool{"DCTDecode": true, "JPXDecode": true, "CCITTFaxDecode": true, "JBIG2Decode": true}

// Decode undoes the filters of a stream.
func (f *File) Decode(o *Object) (Data, *ObjectError) {
	d := o.Dict()
	if d["F"] != nil && o.Stream != nil {
		if _, inline := d["F"].(Name); !inline && d["Type"] != Name("Filespec") && d["Type"] != Name("F") {
			return Data{}, &ObjectError{o.Number, "keeps its data in another file"}
		}
	}
	out, err := f.decode(d, o.Stream)
	if err != nil {
		return out, &ObjectError{o.Number, err.Error()}
	}
	return out, nil
}

// DecodeInline undoes the filters of an inline image with the dictionary d, in which every key has its full name.
func (f *File) DecodeInline(number int, d Dict, data []byte) (Data, *ObjectError) {
	out, err := f.decode(d, data)
	if err != nil {
		return out, &ObjectError{number, "has an inline image that " + err.Error()}
	}
	return out, nil
}

func (f *File) decode(d Dict, b []byte) (Data, error) {
	filters, ok := f.list(d["Filter"])
	if !ok {
		return Data{}, errors.New("names its filters in a form that the standard does not know")
	}
	if len(filters) > MaxFilters {
		return Data{}, fmt.Errorf("is encoded with %d filters one over the other; at most %d are undone", len(filters),
			MaxFilters)
	}
	params, _ := f.list(d["DecodeParms"])
	out := Data{Bytes: b}
	for i, v := range filters {
		name, ok := f.Resolve(v).(Name)
		if full := fullNames[name]; full != "" {
			name = full
		}
		var p Dict
		if i < len(params) {
			p, _ = f.Resolve(params[i]).(Dict)
		}
		if !ok {
			return out, errors.New("names a filter in a form that the standard does not know")
		}
		if pictures[name] {
			if i != len(filters)-1 {
				return out, fmt.Errorf("has another filter behind that for pictures %q", string(name))
			}
			out.Picture = string(name)
			return out, nil
		}
		if err := f.undo(name, p, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// list returns an array of v, which may be one value, an array or nothing.
func (f *File) list(v any) (Array, bool) {
	switch v := f.Resolve(v).(type) {
	case nil:
		return nil, true
	case Array:
		return v, true
	case Name, Dict:
		return Array{v}, true
	}
	return nil, false
}

// undo replaces the bytes of d by what they are with one filter undone.
func (f *File) undo(name Name, p Dict, d *Data) error {
	in := d.Bytes
	var out, rest []byte
	var err error
	switch name {
	case "FlateDecode":
		out, rest, err = f.inflate(in)
	case "LZWDecode":
		early := true
		if n, ok := f.Resolve(p["EarlyChange"]).(Number); ok {
			early = n != 0
		}
		out, rest, err = unlzw(in, early, f.spend)
	case "ASCIIHexDecode":
		in, rest = cutAfter(in, ">")
		out, err = f.charged(unhex(in), nil)
	case "ASCII85Decode":
		in, rest = cutAfter(in, "~") // and ">", which may stand on the next line
		out, err = f.charged(unascii85(in))
	case "RunLengthDecode":
		out, rest, err = unrunlength(in, f.spend)
	case "Crypt":
		if n, ok := f.Resolve(p["Name"]).(Name); ok && n != "Identity" {
			return fmt.Errorf("is encrypted (filter Crypt, %q)", string(n))
		}
		return nil
	default:
		return fmt.Errorf("is encoded with the filter %q, which no part of the standard defines", string(name))
	}
	if err != nil {
		return fmt.Errorf("has data that %s cannot decode: %w", string(name), err)
	}
	if len(d.Rest) == 0 && len(bytes.Trim(rest, "\r\n \x00")) > 0 {
		d.Rest = rest
	}
	if n, ok := f.Resolve(p["Predictor"]).(Number); ok && n > 1 && (name == "FlateDecode" || name == "LZWDecode") {
		if out, err = f.unpredict(int(n), p, out); err != nil {
			return err
		}
	}
	d.Bytes = out
	return nil
}

// charged charges output that is never longer than its input.
func (f *File) charged(out []byte, err error) ([]byte, error) {
	if err == nil && !f.spend(len(out)) {
		err = errBudget
	}
	return out, err
}

func cutAfter(b []byte, end string) (text, rest []byte) {
	if i := bytes.Index(b, []byte(end)); i >= 0 {
		return b[:i], b[i+len(end):]
	}
	return b, nil
}

// A tally charges a growing output to the caller's budget in steps, so that a bomb stops early.
type tally struct {
	spend   func(int) bool
	charged int
}

// step is how many bytes are charged at a time.
const step = 1 << 20

// upTo reports whether n bytes may be held in all.
func (t *tally) upTo(n int) bool {
	if n > maxStream {
		return false
	}
	if n-t.charged < step {
		return true
	}
	return t.done(n)
}

// done charges the last step.
func (t *tally) done(n int) bool {
	more := n - t.charged
	t.charged = n
	return n <= maxStream && t.spend(more)
}

// inflate undoes the zlib format, RFC 1950. A checksum that is cut off or wrong does not matter, an end that is missing
// does.
func (f *File) inflate(b []byte) (out, rest []byte, err error) {
	b = bytes.TrimLeft(b, "\r\n")
	if len(b) < 2 {
		if len(b) == 0 {
			return nil, nil, nil
		}
		return nil, nil, errors.New("it is cut off")
	}
	if b[0]&0x0f != 8 || (int(b[0])<<8|int(b[1]))%31 != 0 || b[1]&0x20 != 0 {
		return nil, nil, errors.New("it has no zlib header")
	}
	in := bytes.NewReader(b[2:])
	z := flate.NewReader(in)
	w, t := &bytes.Buffer{}, tally{spend: f.spend}
	for {
		_, err := io.CopyN(w, z, step)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("after %d bytes: %w", w.Len(), err)
		}
		if !t.upTo(w.Len()) {
			return nil, nil, errBudget
		}
	}
	if !t.done(w.Len()) {
		return nil, nil, errBudget
	}
	rest = b[len(b)-in.Len():]
	return w.Bytes(), rest[min(len(rest), 4):], nil // the Adler-32 checksum
}

// maxStream is how much one filter of one stream may give out.
const maxStream = 64 << 20

// unrunlength undoes RunLengthDecode, ISO 32000-1 section 7.4.5.
func unrunlength(b []byte, spend func(int) bool) (out, rest []byte, err error) {
	t := tally{spend: spend}
	for i := 0; i < len(b); {
		n := int(b[i])
		i++
		switch {
		case n == 128:
			if !t.done(len(out)) {
				return nil, nil, errBudget
			}
			return out, b[i:], nil
		case n < 128:
			end := min(i+n+1, len(b))
			out = append(out, b[i:end]...)
			i = end
		case i < len(b):
			out = append(out, bytes.Repeat(b[i:i+1], 257-n)...)
			i++
		}
		if !t.upTo(len(out)) {
			return nil, nil, errBudget
		}
	}
	if !t.done(len(out)) {
		return nil, nil, errBudget
	}
	return out, nil, nil
}

// unascii85 undoes ASCII85Decode, ISO 32000-1 section 7.4.3.
func unascii85(b []byte) ([]byte, error) {
	b = bytes.TrimPrefix(bytes.TrimLeft(b, "\r\n \t\f\x00"), []byte("<~"))
	out := make([]byte, 0, len(b)/5*4+4)
	var group [5]byte
	n := 0
	for _, c := range b {
		switch {
		case space(c):
		case c == 'z' && n == 0:
			out = append(out, 0, 0, 0, 0)
		case c >= '!' && c <= 'u':
			group[n] = c - '!'
			if n++; n == 5 {
				out = append85(out, group, 4)
				n = 0
			}
		default:
			return nil, fmt.Errorf("%q is no digit of it", c)
		}
	}
	if n > 1 {
		for i := n; i < 5; i++ {
			group[i] = 'u' - '!'
		}
		out = append85(out, group, n-1)
	}
	return out, nil
}

func append85(out []byte, group [5]byte, n int) []byte {
	v := uint32(0)
	for _, d := range group {
		v = v*85 + uint32(d)
	}
	four := [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	return append(out, four[:n]...)
}
