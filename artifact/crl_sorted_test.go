package artifact

import (
	"bytes"
	"slices"
	"testing"

	"seihon/internal/inputtest"
)

// TestSortedReader walks a list that is in no order, once in each form of an entry.
func TestSortedReader(t *testing.T) {
	t.Parallel()
	ca := inputtest.NewCA("sorted")
	serials := [][]byte{{9}, {1, 0}, {3}, {0x7f, 1, 1}, {2}}
	var l inputtest.List
	for i, s := range serials {
		e := inputtest.Entry{Serial: inputtest.Integer(s)}
		if i%2 == 0 {
			e.Extensions = inputtest.Reason(4)
		}
		l.Entries = append(l.Entries, e)
	}
	list, err := ParseRevocationList(ca.List(l))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(serials, bytes.Compare)
	r, err := list.SortedReader()
	for _, want := range serials {
		e, more, nextErr := r.Next()
		if err != nil || nextErr != nil || !more || !bytes.Equal(e.Serial, want) {
			t.Fatalf("got %x %v %v, want %x", e.Serial, more, nextErr, want)
		}
	}
	if _, more, err := r.Next(); more || err != nil {
		t.Errorf("more than %d entries, or %v", len(serials), err)
	}
}
