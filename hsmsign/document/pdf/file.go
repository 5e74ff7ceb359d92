// Package pdf reads as much of a PDF file as it takes to tell that it is one and to append to it.
//
// It follows the cross-reference chain of ISO 32000-1 section 7.5, tables and streams, hybrid files and object streams
// included, and resolves single objects; it interprets neither pages nor fonts. It never repairs: what a viewer would
// have to guess is an error here, for a signed document must look the same to everyone. Work and memory are bounded by
// the size of the file and the caps below, whatever the file says.
//
// A general PDF library (github.com/digitorus/pdf was the candidate, together with pdfsign) does more than this, panics
// on damaged files, and decides the bytes of the update itself; this is a few hundred lines that are fuzzed.
package pdf

import (
	"bytes"
	"errors"
	"fmt"
)

const (
	maxObjects   = 1 << 20  // object numbers
	maxRevisions = 256      // length of the cross-reference chain
	maxInflated  = 64 << 20 // one decompressed stream
	tail         = 1024     // startxref and %%EOF are within the last bytes
)

// File is an open PDF file.
type File struct {
	b       []byte
	start   int           // offset of the newest cross-reference section
	stream  bool          // that section is a stream
	trailer Dict          // of the newest section
	entries map[int]entry // by object number
	inside  map[int]*packed

	rowsRead int // of cross-reference streams, which can be compressed bombs
}

// entry says where an object is.
type entry struct {
	offset     int // in the file, or the index within the object stream
	generation int
	container  int // number of the object stream; 0 = directly in the file
}

// Open reads the structure of the file.
func Open(b []byte) (*File, error) {
	f := &File{b: b, entries: map[int]entry{}, inside: map[int]*packed{}}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("parsing PDF: %w", err)
	}
	return f, nil
}

func (f *File) open() error {
	if !bytes.HasPrefix(f.b, []byte("%PDF-")) || len(f.b) < 8 || f.b[5] < '1' || f.b[5] > '2' || f.b[6] != '.' {
		return errors.New("it is not a PDF: it does not begin with %PDF-1.x or %PDF-2.x")
	}
	end := bytes.LastIndex(f.b, []byte("%%EOF"))
	if end < 0 || end < len(f.b)-tail {
		return errors.New("it does not end in %%EOF: it is truncated, or something was appended")
	}
	if rest := bytes.Trim(f.b[end+5:], "\r\n \x00"); len(rest) > 0 {
		return fmt.Errorf("%d bytes follow %%%%EOF", len(rest))
	}
	i := bytes.LastIndex(f.b[:end], []byte("startxref"))
	if i < 0 {
		return errors.New("startxref is missing")
	}
	l := lexer{f.b[:end], i + len("startxref")}
	start, ok := l.integer()
	if !ok || start >= i {
		return errors.New("startxref does not point into the file")
	}
	f.start = start
	if err := f.chain(start); err != nil {
		return err
	}
	return f.checkCatalog()
}

// checkCatalog wants a catalog with at least one page. In an encrypted file the catalog may be unreadable, but it must
// be there.
func (f *File) checkCatalog() error {
	root, ok := f.trailer["Root"].(Ref)
	if !ok {
		return errors.New("the trailer names no catalog")
	}
	if _, ok := f.entries[root.Number]; !ok {
		return errors.New("the catalog is missing")
	}
	if f.Encrypted() {
		return nil
	}
	catalog, err := f.dict(root)
	if err != nil {
		return fmt.Errorf("the catalog: %w", err)
	}
	if catalog["Type"] != Name("Catalog") {
		return errors.New("the catalog is not of type Catalog")
	}
	if _, _, err := f.FirstPage(); err != nil {
		return err
	}
	return nil
}

// Encrypted reports whether the file is encrypted, even if with an empty password.
func (f *File) Encrypted() bool { return f.trailer["Encrypt"] != nil }

// Catalog returns the document catalog and its reference.
func (f *File) Catalog() (Dict, Ref, error) {
	root, _ := f.trailer["Root"].(Ref)
	d, err := f.dict(root)
	return d, root, err
}

// FirstPage descends to the first page.
func (f *File) FirstPage() (Dict, Ref, error) {
	catalog, _, err := f.Catalog()
	if err != nil {
		return nil, Ref{}, err
	}
	next := catalog["Pages"]
	for range maxDepth {
		ref, ok := next.(Ref)
		if !ok {
			return nil, Ref{}, errors.New("the page tree is broken: want a reference")
		}
		node, err := f.dict(ref)
		if err != nil {
			return nil, Ref{}, fmt.Errorf("the page tree: %w", err)
		}
		if node["Type"] == Name("Page") {
			return node, ref, nil
		}
		kids, err := f.Array(node["Kids"])
		if err != nil || len(kids) == 0 {
			return nil, Ref{}, errors.New("the page tree holds no page")
		}
		next = kids[0]
	}
	return nil, Ref{}, errors.New("the page tree is too deep or loops")
}

// dict resolves o to a dictionary.
func (f *File) dict(o Object) (Dict, error) {
	o, err := f.Resolve(o)
	if err != nil {
		return nil, err
	}
	d, ok := o.(Dict)
	if !ok {
		return nil, errors.New("it is not a dictionary")
	}
	return d, nil
}

// Dict resolves o to a dictionary; null is an empty one.
func (f *File) Dict(o Object) (Dict, error) {
	if o == nil {
		return Dict{}, nil
	}
	return f.dict(o)
}

// Array resolves o to an array; null is an empty one.
func (f *File) Array(o Object) (Array, error) {
	o, err := f.Resolve(o)
	if err != nil || o == nil {
		return nil, err
	}
	a, ok := o.(Array)
	if !ok {
		return nil, errors.New("it is not an array")
	}
	return a, nil
}

// Resolve follows a reference; other objects are returned as they are. An object that does not exist is null.
func (f *File) Resolve(o Object) (Object, error) {
	ref, ok := o.(Ref)
	if !ok {
		return o, nil
	}
	e, ok := f.entries[ref.Number]
	if !ok {
		return nil, nil
	}
	if e.container != 0 {
		return f.unpack(ref.Number, e)
	}
	if e.generation != ref.Generation {
		return nil, nil
	}
	o, _, err := f.indirect(ref.Number, e.offset)
	if _, again := o.(Ref); again {
		return nil, fmt.Errorf("object %d is a reference to a reference", ref.Number)
	}
	return o, err
}

// indirect reads the object "number generation obj" at offset, and returns where its data ends.
func (f *File) indirect(number, offset int) (Object, *lexer, error) {
	if offset < 0 || offset >= len(f.b) {
		return nil, nil, fmt.Errorf("object %d lies outside the file", number)
	}
	l := &lexer{f.b, offset}
	n, ok := l.integer()
	if _, ok2 := l.integer(); !ok || !ok2 || n != number || !l.accept("obj") {
		return nil, nil, fmt.Errorf("object %d is not at byte %d, where the cross-reference says", number, offset)
	}
	o, err := l.object(0)
	if err != nil {
		return nil, nil, fmt.Errorf("object %d: %w", number, err)
	}
	return o, l, nil
}
