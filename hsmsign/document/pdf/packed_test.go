package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"testing"
)

// The packed sample of the document package is what packed15 makes; DOCUMENT_UPDATE=1 writes it again.
func TestPackedSample(t *testing.T) {
	const file = "../testdata/packed.pdf"
	want := packed15(t, Make("Packed", []string{"1 Introduction"}))
	if os.Getenv("DOCUMENT_UPDATE") != "" {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(got); err != nil {
		t.Error(err)
	}
}

// packed15 turns the objects of a file made by Make into a PDF 1.5: everything but streams in an object stream, the
// cross-reference in a stream with the PNG predictor "up".
func packed15(t testing.TB, file []byte) []byte {
	t.Helper()
	f, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	size := len(f.entries)
	container, xref := size, size+1
	type row struct{ kind, a, b int }
	rows := make([]row, size+2)
	rows[0] = row{0, 0, 65535}
	var head, body bytes.Buffer
	count := 0
	for n := 1; n < size; n++ {
		o, l, err := f.indirect(n, f.entries[n].offset)
		if err != nil {
			t.Fatal(err)
		}
		if l.accept("stream") {
			rows[n] = row{1, b.Len(), 0}
			end := f.entries[n].offset + bytes.Index(file[f.entries[n].offset:], []byte("endobj"))
			b.Write(file[f.entries[n].offset:end])
			b.WriteString("endobj\n")
			continue
		}
		rows[n] = row{2, container, count}
		fmt.Fprintf(&head, "%d %d ", n, body.Len())
		write(&body, o)
		body.WriteByte(' ')
		count++
	}
	rows[container] = row{1, b.Len(), 0}
	data := deflate(t, append(head.Bytes(), body.Bytes()...))
	fmt.Fprintf(&b, "%d 0 obj\n", container)
	write(&b, Dict{"Type": Name("ObjStm"), "N": decimal(count), "First": decimal(head.Len()),
		"Length": decimal(len(data)), "Filter": Name("FlateDecode")})
	fmt.Fprintf(&b, "\nstream\r\n%s\nendstream\nendobj\n", data)
	start := b.Len()
	rows[xref] = row{1, start, 0}
	var table []byte
	above := make([]byte, 5)
	for _, r := range rows {
		line := []byte{byte(r.kind), byte(r.a >> 8), byte(r.a), byte(r.b >> 8), byte(r.b)}
		table = append(table, 2)
		for i := range line {
			table = append(table, line[i]-above[i])
		}
		above = line
	}
	data = deflate(t, table)
	fmt.Fprintf(&b, "%d 0 obj\n", xref)
	write(&b, Dict{
		"Type": Name("XRef"), "Size": decimal(size + 2), "W": Array{Number("1"), Number("2"), Number("2")},
		"Root": f.trailer["Root"],
		"Info": f.trailer["Info"], "ID": f.trailer["ID"], "Length": decimal(len(data)),
		"Filter":      Array{Name("FlateDecode")},
		"DecodeParms": Array{Dict{"Predictor": Number("12"), "Columns": Number("5")}},
	})
	fmt.Fprintf(&b, "\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", data, start)
	return b.Bytes()
}

func deflate(t testing.TB, in []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
