package artifact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"seihon/internal/inputtest"
)

// longCRL is a list that is long enough to stay in its file; change sees the entries before they are signed.
func longCRL(t *testing.T, n int, change func([]inputtest.Entry)) []byte {
	t.Helper()
	l := inputtest.List{Number: inputtest.Integer([]byte{7})}
	for i := range n {
		e := inputtest.Entry{Serial: inputtest.Integer(binary.BigEndian.AppendUint32([]byte{0x51}, uint32(i)))}
		if i%3 == 0 {
			e.Extensions = inputtest.Reason(4)
		}
		l.Entries = append(l.Entries, e)
	}
	if change != nil {
		change(l.Entries)
	}
	return inputtest.NewCA("long").List(l)
}

// TestOpenRevocationList walks a list in a file, in both orders, and wants what the list in memory says: its fields,
// each entry, and the same error at the same entry.
func TestOpenRevocationList(t *testing.T) {
	t.Parallel()
	const n = 60000
	for name, der := range map[string][]byte{
		"short":  longCRL(t, 3, nil),
		"empty":  longCRL(t, 0, nil),
		"sorted": longCRL(t, n, nil),
		"unsorted": longCRL(t, n, func(e []inputtest.Entry) {
			e[5], e[n-5] = e[n-5], e[5]
		}),
		"a long entry": longCRL(t, n, func(e []inputtest.Entry) {
			e[n/2].Extensions = [][]byte{inputtest.Extension([]byte{0x2a, 3}, false, make([]byte, 300_000))}
		}),
		"a bad entry": longCRL(t, n, func(e []inputtest.Entry) {
			e[n/2].Extensions = inputtest.Reason(7)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := ParseRevocationList(der)
			if err != nil {
				t.Fatal(err)
			}
			have, err := OpenRevocationList(bytes.NewReader(der), int64(len(der)))
			if err != nil {
				t.Fatal(err)
			}
			if (len(der) > inMemory+headOfCRL) != (have.file != nil) {
				t.Errorf("a list of %d octets, its entries in a file: %t", len(der), have.file != nil)
			}
			if have.Number.Cmp(want.Number) != 0 || !have.ThisUpdate.Equal(want.ThisUpdate) ||
				!have.NextUpdate.Equal(want.NextUpdate) ||
				!bytes.Equal(have.RawIssuer, want.RawIssuer) ||
				!bytes.Equal(have.AuthorityKeyID, want.AuthorityKeyID) || !reflect.DeepEqual(have.IDP, want.IDP) {
				t.Errorf("the fields are %+v, want %+v", have, want)
			}
			sameWalk(t, have.Reader(), want.Reader())
			a, err := have.SortedReader()
			b, wantErr := want.SortedReader()
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("sorted: %v, want %v", err, wantErr)
			}
			if err == nil {
				sameWalk(t, a, b)
			}
		})
	}
}

func sameWalk(t *testing.T, have, want *EntryReader) {
	t.Helper()
	for {
		w, more, wantErr := want.Next()
		h, another, err := have.Next()
		if more != another || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() ||
			err == nil && !reflect.DeepEqual(h, w) {
			t.Fatalf("%+v %t %v, want %+v %t %v", h, another, err, w, more, wantErr)
		}
		if !more {
			return
		}
	}
}

// brokenAt is a file that cannot be read from a place on.
type brokenAt struct {
	*bytes.Reader
	at int64
}

var errBroken = errors.New("the fault of this test")

func (b brokenAt) ReadAt(p []byte, off int64) (int, error) {
	if off < b.at && off+int64(len(p)) > b.at && b.at < b.Size()-2000 {
		return 0, errBroken
	}
	return b.Reader.ReadAt(p, off)
}

// TestOpenRevocationListBroken wants a file that cannot be read, or is cut off, to be an error and no shorter list.
func TestOpenRevocationListBroken(t *testing.T) {
	t.Parallel()
	der := longCRL(t, 60000, nil)
	for name, file := range map[string]io.ReaderAt{
		"at the beginning": brokenAt{bytes.NewReader(der), 100},
		"in the entries":   brokenAt{bytes.NewReader(der), 700_000},
		"cut off":          bytes.NewReader(der[:len(der)/2]),
	} {
		l, err := OpenRevocationList(file, int64(len(der)))
		n := 0
		if err == nil {
			for _, err = range l.Entries() {
				n++
			}
		}
		if err == nil {
			t.Errorf("%s: %d entries, and no error", name, n)
		}
	}
}
