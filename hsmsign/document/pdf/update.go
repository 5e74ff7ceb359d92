package pdf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Update collects objects for an incremental update, ISO 32000-1 section 7.5.6: the bytes of the file stay, the update
// follows.
type Update struct {
	f       *File
	objects map[int]Object
	gen     map[int]int
	next    int
}

// Raw is an object given as its finished text.
type Raw []byte

// Update begins an update of the file.
func (f *File) Update() (*Update, error) {
	size, ok := offset(f.trailer["Size"])
	if !ok || size < 1 || size > maxObjects {
		return nil, errors.New("updating PDF: the Size of the trailer is malformed")
	}
	for n := range f.entries {
		size = max(size, n+1)
	}
	return &Update{f: f, objects: map[int]Object{}, gen: map[int]int{}, next: size}, nil
}

// New takes the number of a new object.
func (u *Update) New() Ref {
	u.next++
	return Ref{Number: u.next - 1}
}

// Set gives the object its new content.
func (u *Update) Set(r Ref, o Object) { u.objects[r.Number], u.gen[r.Number] = o, r.Generation }

// Bytes returns the file with the update, in the kind of cross-reference that the file ends in, and where in it the
// content of the given object begins.
func (u *Update) Bytes(of Ref) (file []byte, at int) {
	var b bytes.Buffer
	b.Write(u.f.b)
	if u.f.b[len(u.f.b)-1] != '\n' {
		b.WriteByte('\n')
	}
	offsets := map[int]int{}
	for _, n := range slices.Sorted(maps.Keys(u.objects)) {
		offsets[n] = b.Len()
		fmt.Fprintf(&b, "%d %d obj\n", n, u.gen[n])
		if n == of.Number {
			at = b.Len()
		}
		if raw, ok := u.objects[n].(Raw); ok {
			b.Write(raw)
		} else {
			write(&b, u.objects[n])
		}
		b.WriteString("\nendobj\n")
	}
	trailer := Dict{"Prev": decimal(u.f.start)}
	for _, k := range []Name{"Root", "Info", "ID"} {
		if v, ok := u.f.trailer[k]; ok {
			trailer[k] = v
		}
	}
	start := b.Len()
	if u.f.stream {
		u.writeStream(&b, offsets, trailer)
	} else {
		u.writeTable(&b, offsets, trailer)
	}
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n", start)
	return b.Bytes(), at
}

func decimal(n int) Number { return Number(fmt.Sprint(n)) }

func (u *Update) writeTable(b *bytes.Buffer, offsets map[int]int, trailer Dict) {
	b.WriteString("xref\n")
	for _, run := range runs(offsets) {
		fmt.Fprintf(b, "%d %d\n", run[0], len(run))
		for _, n := range run {
			fmt.Fprintf(b, "%010d %05d n \n", offsets[n], u.gen[n])
		}
	}
	trailer["Size"] = decimal(u.next)
	b.WriteString("trailer\n")
	write(b, trailer)
	b.WriteByte('\n')
}

// writeStream writes an uncompressed cross-reference stream, which describes itself too.
func (u *Update) writeStream(b *bytes.Buffer, offsets map[int]int, trailer Dict) {
	self := u.New()
	offsets[self.Number] = b.Len()
	var data []byte
	index := Array{}
	for _, run := range runs(offsets) {
		index = append(index, decimal(run[0]), decimal(len(run)))
		for _, n := range run {
			data = append(data, 1)
			data = binary.BigEndian.AppendUint32(data, uint32(offsets[n]))
			data = binary.BigEndian.AppendUint16(data, uint16(u.gen[n]))
		}
	}
	trailer["Type"], trailer["Size"], trailer["Index"] = Name("XRef"), decimal(u.next), index
	trailer["W"], trailer["Length"] = Array{Number("1"), Number("4"), Number("2")}, decimal(len(data))
	fmt.Fprintf(b, "%d 0 obj\n", self.Number)
	write(b, trailer)
	b.WriteString("\nstream\n")
	b.Write(data)
	b.WriteString("\nendstream\nendobj\n")
}

// runs groups the sorted numbers into consecutive ones.
func runs(offsets map[int]int) [][]int {
	var out [][]int
	for _, n := range slices.Sorted(maps.Keys(offsets)) {
		if k := len(out) - 1; k >= 0 && out[k][len(out[k])-1] == n-1 {
			out[k] = append(out[k], n)
			continue
		}
		out = append(out, []int{n})
	}
	return out
}
