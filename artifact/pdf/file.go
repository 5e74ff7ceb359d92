package pdf

import (
	"bytes"
	"iter"
	"strconv"
)

// Limits of one file.
const (
	// MaxFilters is the longest chain of filters on one stream.
	MaxFilters = 8
	// MaxObjects is how many objects of one file are looked at.
	MaxObjects = 1 << 20
)

// A File is the set of objects in a PDF file.
type File struct {
	b       []byte
	spend   func(n int) bool
	offsets map[int]int    // object number → where its value begins, the last one in the file
	packed  map[int]place  // the same for objects in object streams
	plain   []header       // every object that stands in the file itself
	inside  []place        // every object that stands in an object stream
	trailer []int          // where the dictionaries behind the word trailer begin
	read    int            // bytes that were gone through, over and over where objects overlap
	excess  string         // why not everything was looked at
	broken  []*ObjectError // object streams that could not be opened
}

const tooMany = "it has more PDF objects than are looked at"

// A header is where an object's value begins and what its number is.
type header struct{ number, value int }

// A place is where an object's value stands in an opened object stream.
type place struct {
	number, value int
	content       []byte
}

// An Object is one object of the file. Trailers come as objects without a number.
type Object struct {
	Number int
	Value  any
	Offset int    // in the file; of the object stream's content for a packed object
	Packed bool   // it stands in an object stream
	Stream []byte // the encoded data; nil when it is no stream
}

// Dict returns the object's dictionary, or an empty one.
func (o *Object) Dict() Dict {
	d, _ := o.Value.(Dict)
	return d
}

// Read finds the objects of b and opens its object streams. spend is asked before n bytes of decoded data are kept; it
// reports whether they may be.
func Read(b []byte, spend func(n int) bool) *File {
	f := &File{b: b, spend: spend, offsets: map[int]int{}, packed: map[int]place{}}
	f.sweep()
	for _, h := range f.plain {
		if !f.mayBeObjectStream(h.value) {
			continue
		}
		if o := f.at(h); o.Stream != nil && o.Dict()["Type"] == Name("ObjStm") {
			f.open(&o)
		}
	}
	return f
}

// Excess says why not every object was looked at; it is empty when every one was.
func (f *File) Excess() string { return f.excess }

// Broken returns what is wrong with object streams that could not be opened.
func (f *File) Broken() []*ObjectError { return f.broken }

// sweep records where "12 0 obj" and "trailer" stand. It goes through stream data as well, because a cross-reference
// may point there.
func (f *File) sweep() {
	word := []byte("obj")
	for at := 0; ; at += len(word) {
		i := bytes.Index(f.b[at:], word)
		if i < 0 {
			break
		}
		at += i
		number, ok := numberBefore(f.b, at)
		if !ok {
			continue
		}
		if len(f.plain) >= MaxObjects {
			f.excess = tooMany
			break
		}
		f.plain = append(f.plain, header{number, at + len(word)})
		f.offsets[number] = at + len(word)
	}
	word = []byte("trailer")
	for at := 0; len(f.trailer) < 1<<12; at += len(word) {
		i := bytes.Index(f.b[at:], word)
		if i < 0 {
			break
		}
		at += i
		f.trailer = append(f.trailer, at+len(word))
	}
}

// numberBefore reads the two numbers before the word obj backwards.
func numberBefore(b []byte, at int) (number int, ok bool) {
	at = skipSpaceBefore(b, at)
	at, generation := digitsBefore(b, at)
	if generation == "" {
		return 0, false
	}
	before := skipSpaceBefore(b, at)
	if before == at {
		return 0, false
	}
	_, digits := digitsBefore(b, before)
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// The longest white space and the longest number that may stand before the word obj.
const (
	maxSpace  = 64
	maxDigits = 10
)

func skipSpaceBefore(b []byte, at int) int {
	for n := 0; at > 0 && n < maxSpace && space(b[at-1]); n++ {
		at--
	}
	return at
}

func digitsBefore(b []byte, at int) (int, string) {
	start := at
	for start > 0 && at-start <= maxDigits && b[start-1] >= '0' && b[start-1] <= '9' {
		start--
	}
	return start, string(b[start:at])
}

// mayBeObjectStream saves parsing every object twice: the type stands in the first bytes, and only a name with an
// escape in it could hide.
func (f *File) mayBeObjectStream(value int) bool {
	head := f.b[value:min(len(f.b), value+1024)]
	return bytes.Contains(head, []byte("ObjStm")) || bytes.IndexByte(head, '#') >= 0
}

// at parses the object whose value begins after h.
func (f *File) at(h header) Object {
	v, l := f.parse(h.value)
	o := Object{Number: h.number, Value: v, Offset: h.value}
	if d, ok := v.(Dict); ok {
		o.Stream = f.stream(l, d)
		f.charge(len(o.Stream))
	}
	return o
}

// parse reads the value that begins at pos.
func (f *File) parse(pos int) (any, *Lexer) {
	l := &Lexer{b: f.b, pos: pos}
	if f.excess == tooDense {
		l.pos = len(f.b)
	}
	v, _ := l.value(0, true)
	f.charge(l.pos - pos)
	return v, l
}

// Objects of an honest file do not overlap, so that going through all of them a few times reads the file a few times.
// Where they do, as when nothing that begins ever ends, reading would take quadratic time.
const (
	maxReadings = 16
	tooDense    = "its PDF objects overlap one another"
)

func (f *File) charge(n int) {
	if f.read += n; f.read > maxReadings*(len(f.b)+1<<16) {
		f.excess = tooDense
	}
}

// stream returns the data behind a dictionary, or nil. The length in the dictionary counts when endstream follows
// there.
func (f *File) stream(l *Lexer, d Dict) []byte {
	l.blank()
	if string(l.word()) != "stream" {
		return nil
	}
	data := f.b[l.pos:]
	data = bytes.TrimPrefix(data, []byte("\r"))
	data = bytes.TrimPrefix(data, []byte("\n"))
	end := []byte("endstream")
	if n, ok := f.Resolve(d["Length"]).(Number); ok && n >= 0 && int(n) <= len(data) {
		rest := data[int(n):]
		if gap := bytes.TrimLeft(rest[:min(len(rest), maxSpace)], "\r\n \t\x00"); bytes.HasPrefix(gap, end) {
			return data[:int(n):int(n)]
		}
	}
	if i := bytes.Index(data, end); i >= 0 {
		data = data[:i]
	}
	return data[:len(data):len(data)]
}

// Resolve follows a reference to its value, without its stream; other values are returned as they are.
func (f *File) Resolve(v any) any {
	for range 4 {
		r, ok := v.(Ref)
		if !ok {
			return v
		}
		if at, ok := f.offsets[r.Number]; ok {
			v, _ = f.parse(at)
			continue
		}
		p, ok := f.packed[r.Number]
		if !ok {
			return nil
		}
		l := &Lexer{b: p.content, pos: p.value}
		v, _ = l.value(0, true)
	}
	return nil
}

// Lookup returns the object with that number, the last one where there are several.
func (f *File) Lookup(number int) (Object, bool) {
	if at, ok := f.offsets[number]; ok {
		return f.at(header{number, at}), true
	}
	p, ok := f.packed[number]
	if !ok {
		return Object{}, false
	}
	return p.object(), true
}

func (p *place) object() Object {
	l := &Lexer{b: p.content, pos: p.value}
	v, _ := l.value(0, true)
	return Object{Number: p.number, Value: v, Offset: p.value, Packed: true}
}

// open reads the table of an object stream, ISO 32000-1 section 7.5.7.
func (f *File) open(o *Object) {
	content, err := f.Decode(o)
	if err != nil {
		f.broken = append(f.broken, err)
		return
	}
	first, ok := f.Resolve(o.Dict()["First"]).(Number)
	if !ok || first < 0 || int(first) > len(content.Bytes) {
		f.broken = append(f.broken, &ObjectError{o.Number, "is an object stream without a valid table"})
		return
	}
	l := &Lexer{b: content.Bytes[:int(first)]}
	for {
		n, ok := l.Next()
		at, ok2 := l.Next()
		number, isNumber := n.(Number)
		offset, isOffset := at.(Number)
		if !ok || !ok2 || !isNumber || !isOffset {
			return
		}
		if len(f.inside) >= MaxObjects {
			f.excess = tooMany
			return
		}
		p := place{int(number), min(int(first)+max(int(offset), 0), len(content.Bytes)), content.Bytes}
		f.inside = append(f.inside, p)
		f.packed[p.number] = p
	}
}

// Objects yields every object of the file, also those that a later one of the same number replaces, then those in
// object streams, then the trailers.
func (f *File) Objects() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for _, h := range f.plain {
			if !yield(f.at(h)) {
				return
			}
		}
		for i := range f.inside {
			if !yield(f.inside[i].object()) {
				return
			}
		}
		for _, at := range f.trailer {
			if v, _ := f.parse(at); v != nil && !yield(Object{Value: v, Offset: at}) {
				return
			}
		}
	}
}
