package verify

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"seihon/artifact"
	"seihon/ocspcache"
)

func vector(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile("../ocspcache/testdata/vectors/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// readAll reads a bundle with the stream reader.
func readAll(b []byte) (h *bundleHead, all []answer, err error) {
	r := bytes.NewReader(b)
	if h, err = readHead(r); err != nil {
		return nil, nil, err
	}
	err = h.stream(r, int64(len(b)), func(c chunk) error {
		all = append(all, c.answers...)
		return nil
	})
	return h, all, err
}

// TestStreamReaderReadsTheVectors compares with the responder's reader, which is another one.
func TestStreamReaderReadsTheVectors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"three.bundle", "empty.bundle"} {
		b := vector(t, name)
		h, got, err := readAll(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := ocspcache.ParseBundle(b)
		if err != nil {
			t.Fatal(err)
		}
		if h.issuer != want.Issuer() || h.shard != int(want.Shard()) || len(got) != want.Len() ||
			h.count > 0 && !unix(h.next).Equal(want.MinNextUpdate()) {
			t.Errorf("%s: head %+v", name, h)
		}
		i := 0
		for k, der := range want.All() {
			a := got[i]
			g := h.groups[a.group]
			if g.hash != k.Hash || !bytes.Equal(g.keyHash, k.IssuerKeyHash) || !bytes.Equal(a.serial, k.Serial) ||
				!bytes.Equal(a.der, der) || a.digest != artifact.Sum(der) {
				t.Errorf("%s: answer %d is %+v", name, i, a)
			}
			i++
		}
	}
}

// TestStreamReaderNeverMisreads damages every byte in turn: the two readers must refuse the same, or read the same.
func TestStreamReaderNeverMisreads(t *testing.T) {
	t.Parallel()
	b := vector(t, "three.bundle")
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x41
		_, got, err := readAll(damaged)
		if err != nil {
			continue
		}
		for _, a := range got {
			if artifact.Sum(a.der) == a.digest && !bytes.Contains(b, a.der) {
				t.Fatalf("byte %d: a response was read that was never written", i)
			}
		}
		other, err := ocspcache.ParseBundle(damaged)
		// The shard and the issuer's name are what the generation says of the bundle; the bundle alone cannot tell.
		named := i == 20 || i == 21 || i >= 128 && i < 131
		if err == nil && other.Check(t.Context()) == nil && !named {
			t.Errorf("byte %d: the damage passes both readers", i)
		}
	}
	for n := range b {
		if _, _, err := readAll(b[:n]); err == nil {
			t.Errorf("a bundle cut to %d bytes is read", n)
		}
	}
	if _, _, err := readAll(append(bytes.Clone(b), 0)); err == nil {
		t.Error("a byte behind the bundle is read over")
	}
}

// TestStreamReaderRefusesOtherForms: what has one right form has no other, also where every byte is accounted for and
// the lookup table leads to every response.
func TestStreamReaderRefusesOtherForms(t *testing.T) {
	t.Parallel()
	be := binary.BigEndian
	for _, test := range []struct {
		name, want string
		change     func(b []byte) []byte
	}{
		{"a group that goes on behind the last response", "canonical", func(b []byte) []byte {
			last := headSize + (int(be.Uint16(b[22:]))-1)*groupSize
			be.PutUint32(b[last+8:], be.Uint32(b[last+8:])+1)
			return b
		}},
		{"a byte behind the last response that the head counts", "bytes follow", func(b []byte) []byte {
			be.PutUint64(b[8:], be.Uint64(b[8:])+1)
			return append(b, 0)
		}},
		{"two responses of a group in the other order", "out of order", otherOrder},
	} {
		b := vector(t, "three.bundle")
		if _, _, err := readAll(b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readAll(test.change(b)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// otherOrder swaps the first two responses of the first group, and makes the lookup table anew.
func otherOrder(b []byte) []byte {
	be := binary.BigEndian
	h, err := readHead(bytes.NewReader(b))
	if err != nil || h.groups[0].entries < 2 {
		panic("the vector has no two responses in its first group")
	}
	at := h.entriesAt()
	one, two := bytes.Clone(b[at:at+entrySize]), bytes.Clone(b[at+entrySize:at+2*entrySize])
	n, m := int64(be.Uint32(one[8:])), int64(be.Uint32(two[8:]))
	answers := b[h.answersAt() : h.answersAt()+n+m]
	copy(answers, slices.Concat(answers[n:], answers[:n]))
	be.PutUint64(two, 0)
	be.PutUint64(one, uint64(m))
	copy(b[at:], slices.Concat(two, one))

	buckets := make([][]uint32, 1<<h.bits)
	for i := range h.count {
		e := b[at+int64(i)*entrySize:]
		k := bucketOf(int(be.Uint16(e[12:])), e[16:16+e[14]], h.bits)
		buckets[k] = append(buckets[k], uint32(i))
	}
	start, slot := b[h.fanoutAt():], b[h.slotsAt():]
	before := uint32(0)
	for i, bucket := range buckets {
		be.PutUint32(start[4*i:], before)
		for _, entry := range bucket {
			be.PutUint32(slot[4*before:], entry)
			before++
		}
	}
	return b
}

func FuzzBundle(f *testing.F) {
	f.Add(vector(f, "three.bundle"))
	f.Add(vector(f, "empty.bundle"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, all, err := readAll(b)
		if err == nil && len(all) != h.count {
			t.Errorf("%d answers of %d", len(all), h.count)
		}
	})
}

func FuzzObjectName(f *testing.F) {
	f.Add("ocsp/s1/0123456789012345678901234567890123456789/0a")
	f.Fuzz(func(t *testing.T, name string) {
		if k, ok := responseKey(name); ok && ocspcache.ObjectName(k) != name {
			t.Errorf("%q is read as %+v", name, k)
		}
	})
}

func FuzzCPSURLs(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { _ = policyURLs(b) })
}
