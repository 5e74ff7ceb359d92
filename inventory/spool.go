package inventory

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"seihon/artifact"
)

// spool sorts the records of an import by serial in flat memory: runs are
// sorted in one buffer, written to a temporary file and merged. The sorted
// stream meets the certificate table, which is in the same order, in one pass.
// The files hold names of subscribers, so they lie where the inventory lies
// and are unlinked as soon as they are open.
type spool struct {
	dir   string
	limit int // octets of a run
	buf   []byte
	ends  []int // ends[n] is where record n of buf ends
	runs  []*os.File
	count int64
}

// spoolRun keeps an import of a million lines in a few runs and some 40 MiB.
const spoolRun = 16 << 20

// errTruncated reports a damaged spool file.
var errTruncated = errors.New("temporary file is damaged")

func newSpool(dir string) *spool { return &spool{dir: dir, limit: spoolRun} }

// add appends one record.
func (s *spool) add(r *Record) error {
	if len(s.buf) >= s.limit {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buf = encodeRecord(s.buf, r)
	s.ends = append(s.ends, len(s.buf))
	s.count++
	return nil
}

// sortedBuffer returns the records of the buffer in order.
func (s *spool) sortedBuffer() [][]byte {
	records := make([][]byte, len(s.ends))
	start := 0
	for n, end := range s.ends {
		records[n] = s.buf[start:end]
		start = end
	}
	slices.SortFunc(records, func(a, b []byte) int { return bytes.Compare(recordSerial(a), recordSerial(b)) })
	return records
}

// flush writes the buffer as a run.
func (s *spool) flush() error {
	f, err := os.CreateTemp(s.dir, ".inventory-import-*")
	if err != nil {
		return fmt.Errorf("sorting records: %w", err)
	}
	s.runs = append(s.runs, f)
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("sorting records: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<18)
	var length [binary.MaxVarintLen64]byte
	for _, r := range s.sortedBuffer() {
		w.Write(length[:binary.PutUvarint(length[:], uint64(len(r)))])
		w.Write(r)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting records: %w", err)
	}
	s.buf, s.ends = s.buf[:0], s.ends[:0]
	return nil
}

// sorted yields all records by serial. The record is only good until the next.
func (s *spool) sorted() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var m merge
		for _, f := range s.runs {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield(nil, fmt.Errorf("sorting records: %w", err))
				return
			}
			m = append(m, &run{file: bufio.NewReaderSize(f, 1<<16)})
		}
		m = append(m, &run{memory: s.sortedBuffer()})
		m = slices.DeleteFunc(m, func(r *run) bool { return !r.next() && r.err == nil })
		heap.Init(&m)
		var record Record
		for len(m) > 0 {
			err := m[0].err
			if err == nil {
				err = decodeRecord(m[0].head, &record)
			}
			if !yield(&record, err) || err != nil {
				return
			}
			if m[0].next() || m[0].err != nil {
				heap.Fix(&m, 0)
			} else {
				heap.Pop(&m)
			}
		}
	}
}

// close frees the files.
func (s *spool) close() {
	for _, f := range s.runs {
		f.Close() // unlinked and only read from: nothing is lost
	}
}

// run is one sorted stream of a merge.
type run struct {
	file   *bufio.Reader
	memory [][]byte
	head   []byte
	err    error
}

// next moves to the next record; false with a nil err is the end.
func (r *run) next() bool {
	if r.file == nil {
		if len(r.memory) == 0 {
			return false
		}
		r.head, r.memory = r.memory[0], r.memory[1:]
		return true
	}
	n, err := binary.ReadUvarint(r.file)
	if err == io.EOF {
		return false
	}
	if err != nil {
		r.err = err
		return false
	}
	r.head = slices.Grow(r.head[:0], int(n))[:n]
	_, r.err = io.ReadFull(r.file, r.head)
	return r.err == nil
}

// merge is a heap of runs by their next serial; a broken run comes first.
type merge []*run

func (m merge) Len() int      { return len(m) }
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)   { *m = append(*m, x.(*run)) }
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
func (m merge) Less(i, j int) bool {
	if m[i].err != nil || m[j].err != nil {
		return m[i].err != nil
	}
	return bytes.Compare(recordSerial(m[i].head), recordSerial(m[j].head)) < 0
}

// encodeRecord appends r: the serial first, each string with its length.
func encodeRecord(b []byte, r *Record) []byte {
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, byte(len(r.Serial)))
	b = append(b, r.Serial...)
	b = append(b, byte(r.State), byte(r.Revocation.Reason+1))
	for _, s := range [...]int64{seconds(r.NotBefore), seconds(r.NotAfter), seconds(r.Revocation.Time),
		seconds(r.Revocation.InvalidityDate)} {
		b = binary.AppendVarint(b, s)
	}
	text(kindText(r.Kind))
	text(r.Subject)
	text(r.Consent)
	b = binary.AppendUvarint(b, uint64(len(r.DER)))
	return append(b, r.DER...)
}

// recordSerial is the serial of an encoded record.
func recordSerial(b []byte) []byte { return b[1 : 1+b[0]] }

// decodeRecord is the inverse of encodeRecord.
func decodeRecord(b []byte, r *Record) error {
	*r = Record{}
	r.Serial = bytes.Clone(recordSerial(b))
	b = b[1+len(r.Serial):]
	if len(b) < 2 {
		return errTruncated
	}
	r.State, r.Revocation.Reason = State(b[0]), int(b[1])-1
	b = b[2:]
	var times [4]int64
	for n := range times {
		v, size := binary.Varint(b)
		if size <= 0 {
			return errTruncated
		}
		times[n], b = v, b[size:]
	}
	r.NotBefore, r.NotAfter = fromSeconds(times[0]), fromSeconds(times[1])
	r.Revocation.Time, r.Revocation.InvalidityDate = fromSeconds(times[2]), fromSeconds(times[3])
	var fields [4][]byte
	for n := range fields {
		size, width := binary.Uvarint(b)
		if width <= 0 || size > uint64(len(b)-width) {
			return errTruncated
		}
		fields[n], b = b[width:width+int(size)], b[width+int(size):]
	}
	r.Kind, r.Subject, r.Consent = textKind(string(fields[0])), string(fields[1]), string(fields[2])
	if len(fields[3]) > 0 {
		r.DER = bytes.Clone(fields[3])
	}
	if r.Kind != artifact.SubscriberCertificate && !r.Kind.IsCertificate() {
		return errTruncated
	}
	return nil
}
