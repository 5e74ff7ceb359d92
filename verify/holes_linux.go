package verify

import (
	"errors"
	"io"
	"syscall"
)

// skipHoles reads only what a file really holds: the holes of a sparse file are zeros without end that nobody wrote. A
// short run of zeros stands in place of each.
func skipHoles(r io.Reader) io.Reader {
	f, ok := r.(plainFile)
	if !ok {
		return r
	}
	return &dataReader{f: f, end: -1}
}

// lseek's ways to find data and holes (lseek(2)).
const (
	seekData = 3
	seekHole = 4
)

type dataReader struct {
	f       plainFile
	at, end int64 // of the run of data that is being read; end is -1 before the first
	zeros   int   // still to be given
	plain   bool  // the file system cannot tell
}

func (d *dataReader) Read(p []byte) (int, error) {
	if d.plain {
		return d.f.Read(p)
	}
	if d.zeros > 0 {
		n := min(len(p), d.zeros)
		clear(p[:n])
		d.zeros -= n
		return n, nil
	}
	if d.at >= d.end {
		return d.next(p)
	}
	n, err := d.f.Read(p[:min(int64(len(p)), d.end-d.at)])
	d.at += int64(n)
	return n, err
}

// next finds the next run of data.
func (d *dataReader) next(p []byte) (int, error) {
	from := max(d.end, 0)
	data, err := syscall.Seek(int(d.f), from, seekData)
	if errors.Is(err, syscall.ENXIO) {
		if size, err := syscall.Seek(int(d.f), 0, io.SeekEnd); err == nil && size > from {
			d.at, d.end, d.zeros = size, size, int(min(size-from, zeroRun)) // a hole at the end
			return d.Read(p)
		}
		return 0, io.EOF
	}
	if err != nil {
		d.plain = true
		return d.Read(p)
	}
	hole, err := syscall.Seek(int(d.f), data, seekHole)
	if err == nil {
		_, err = syscall.Seek(int(d.f), data, io.SeekStart)
	}
	if err != nil {
		return 0, err
	}
	d.at, d.end = data, hole
	if data > from {
		d.zeros = int(min(data-from, zeroRun))
	}
	return d.Read(p)
}

// zeroRun is how long a hole may look.
const zeroRun = 4096
