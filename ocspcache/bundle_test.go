package ocspcache

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBundleFindsEverything(t *testing.T) {
	t.Parallel()
	data, keys := testBundle(t, 500)
	b, err := ParseBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.Len() != len(keys) || b.Issuer() != "sub" || b.Shard() != 0 {
		t.Errorf("bundle says %d responses of %q, shard %d", b.Len(), b.Issuer(), b.Shard())
	}
	if got, want := b.MinNextUpdate(), testNow.Add(71*time.Hour); !got.Equal(want) {
		t.Errorf("MinNextUpdate = %v, want %v", got, want)
	}
	if got, want := b.MaxThisUpdate(), testNow.Add(-time.Hour); !got.Equal(want) {
		t.Errorf("MaxThisUpdate = %v, want %v", got, want)
	}
	for _, k := range keys {
		if got, ok := b.Lookup(k); !ok || !bytes.Equal(got, testResponse(k)) {
			t.Fatalf("Lookup(%x) = %x, %v", k.Serial, got, ok)
		}
	}
	seen := 0
	var last Key
	for k, der := range b.All() {
		if !bytes.Equal(der, testResponse(k)) {
			t.Fatalf("All gives another response for %x", k.Serial)
		}
		if seen > 0 && (last.Hash > k.Hash || last.Hash == k.Hash && bytes.Compare(last.Serial, k.Serial) >= 0) {
			t.Fatalf("All is out of order at %x", k.Serial)
		}
		last = k
		seen++
	}
	if seen != len(keys) {
		t.Errorf("All gives %d responses, want %d", seen, len(keys))
	}
}

func TestBundleMisses(t *testing.T) {
	t.Parallel()
	data, keys := testBundle(t, 50)
	b, err := ParseBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	k := keys[7]
	other := testKey(k.Hash, "other", 3)
	long := append([]byte{1}, k.Serial...)
	for name, miss := range map[string]Key{
		"serial":         {k.Hash, k.IssuerNameHash, k.IssuerKeyHash, []byte{1, 2, 3}},
		"empty serial":   {k.Hash, k.IssuerNameHash, k.IssuerKeyHash, nil},
		"longer serial":  {k.Hash, k.IssuerNameHash, k.IssuerKeyHash, long},
		"huge serial":    {k.Hash, k.IssuerNameHash, k.IssuerKeyHash, make([]byte, 1000)},
		"issuer key":     {k.Hash, k.IssuerNameHash, other.IssuerKeyHash, k.Serial},
		"issuer name":    {k.Hash, other.IssuerNameHash, k.IssuerKeyHash, k.Serial},
		"hash":           {crypto.SHA384, k.IssuerNameHash, k.IssuerKeyHash, k.Serial},
		"unknown hash":   {crypto.MD5, k.IssuerNameHash, k.IssuerKeyHash, k.Serial},
		"no hash":        {0, nil, nil, nil},
		"short key hash": {k.Hash, k.IssuerNameHash, k.IssuerKeyHash[:4], k.Serial},
	} {
		if der, ok := b.Lookup(miss); ok {
			t.Errorf("%s: found %x", name, der)
		}
	}
	if _, ok := b.Lookup(Key{Hash: k.Hash, IssuerKeyHash: k.IssuerKeyHash, Serial: k.Serial}); !ok {
		t.Error("a key without issuer name hash is not found")
	}
}

func TestBundleIsDeterministic(t *testing.T) {
	t.Parallel()
	first, keys := testBundle(t, 200)
	for range 3 {
		again, _ := testBundle(t, 200) // the map gives another order each time
		if !bytes.Equal(first, again) {
			t.Fatal("the same responses in another order make other bytes")
		}
	}
	slices.Reverse(keys)
	var buf bytes.Buffer
	w := NewBundleWriter(&buf, "sub", 0)
	for _, k := range keys {
		if err := w.Add(Key{Hash: k.Hash, IssuerKeyHash: k.IssuerKeyHash, Serial: k.Serial},
			testResponse(k)); err != nil {
			t.Fatal(err)
		}
	}
	summary, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, buf.Bytes()) {
		t.Error("keys without issuer name hash make other bytes")
	}
	if summary.Digest.String() != digestOf(first) || summary.Size != int64(len(first)) || summary.Count != len(keys) {
		t.Errorf("summary is %+v", summary)
	}
}

func TestBundleEmpty(t *testing.T) {
	t.Parallel()
	data, summary := makeBundle(t, "sub", 3, nil)
	b, err := ParseBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if b.Len() != 0 || b.Shard() != 3 || !b.MinNextUpdate().IsZero() || !summary.MinNextUpdate.IsZero() {
		t.Errorf("empty bundle is %+v, %+v", b, summary)
	}
	if _, ok := b.Lookup(testKey(crypto.SHA1, "sub", 1)); ok {
		t.Error("found something in an empty bundle")
	}
}

func TestBundleWriterRefuses(t *testing.T) {
	t.Parallel()
	k := testKey(crypto.SHA1, "sub", 1)
	other := testKey(crypto.SHA1, "sub", 2)
	good := testResponse(k)
	spec := responseSpec{keys: []Key{k}, this: testNow, next: testNow.Add(time.Hour)}
	with := func(change func(*responseSpec)) []byte {
		s := spec
		change(&s)
		return makeResponse(s)
	}
	for _, test := range []struct {
		name string
		key  Key
		der  []byte
		want string
	}{
		{"other serial", other, good, "does not speak of serial"},
		{"other hash", testKey(crypto.SHA256, "sub", 1), good, "does not speak of serial"},
		{"other issuer", Key{k.Hash, other.IssuerKeyHash, k.IssuerKeyHash, k.Serial}, good, "does not speak of serial"},
		{"nonce", k, with(func(s *responseSpec) { s.nonce = []byte("nonce") }), "carries a nonce"},
		{"no nextUpdate", k, with(func(s *responseSpec) { s.noNext = true }), "nextUpdate is missing"},
		{"nextUpdate before", k, with(func(s *responseSpec) { s.next = s.this }), "not after thisUpdate"},
		{"trailing byte", k, append(slices.Clone(good), 0), "exactly one SEQUENCE"},
		{"cut off", k, good[:len(good)-1], "exactly one SEQUENCE"},
		{"tryLater", k, bodyTryLater, "status is 3"},
		{"empty", k, nil, "exactly one SEQUENCE"},
		{"too long", k, with(func(s *responseSpec) { s.size = maxResponse }), "at most"},
		{"long serial", Key{k.Hash, k.IssuerNameHash, k.IssuerKeyHash, make([]byte, 25)}, good, "octets"},
		{"padded serial", Key{k.Hash, k.IssuerNameHash, k.IssuerKeyHash, []byte{0, 1}}, good, "shortest DER form"},
		{"hash size", Key{crypto.SHA256, k.IssuerNameHash, k.IssuerKeyHash, k.Serial}, good,
			"issuer key hash has 20 octets"},
		{"MD5", Key{crypto.MD5, nil, make([]byte, 16), k.Serial}, good, "none of"},
	} {
		w := NewBundleWriter(new(bytes.Buffer), "sub", 0)
		if err := w.Add(test.key, test.der); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Add: %v, want %q", test.name, err, test.want)
		}
	}
	w := NewBundleWriter(new(bytes.Buffer), "sub", 0)
	for range 2 {
		if err := w.Add(k, good); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err == nil || !strings.Contains(err.Error(), "two responses") {
		t.Errorf("twice the same: %v", err)
	}
	if _, err := NewBundleWriter(new(bytes.Buffer), "Not A Name", 0).Close(); err == nil {
		t.Error("a bad issuer name was taken")
	}
	if _, err := NewBundleWriter(brokenWriter{}, "sub", 0).Close(); !errors.Is(err, errBroken) {
		t.Errorf("broken writer: %v", err)
	}
}

var errBroken = errors.New("disk is full")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestBundleHeadIsChecked(t *testing.T) {
	t.Parallel()
	good, _ := testBundle(t, 20)
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint32(b[at:], v); return b }
	}
	put16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.BigEndian.PutUint16(b[at:], v); return b }
	}
	for name, change := range map[string]func([]byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"only a head":     func(b []byte) []byte { return b[:headSize] },
		"half a head":     func(b []byte) []byte { return b[:headSize/2] },
		"cut off":         func(b []byte) []byte { return b[:len(b)-1] },
		"grown":           func(b []byte) []byte { return append(b, 0) },
		"magic":           func(b []byte) []byte { b[7] = '2'; return b },
		"count":           put32(headCount, 41),
		"huge count":      put32(headCount, 1<<32-1),
		"no groups":       put16(headGroups, 0),
		"many groups":     put16(headGroups, 65535),
		"bucket bits":     put32(headBucketBits, 63),
		"issuer size":     put32(headIssuerSize, 1<<31),
		"issuer name":     func(b []byte) []byte { b[headIssuer] = '/'; return b },
		"reserved":        func(b []byte) []byte { b[headReserved+3] = 1; return b },
		"group algorithm": put16(headSize, 9),
		"group hash size": put16(headSize+2, 64),
		"group first":     put32(headSize+4, 1),
		"group entries":   put32(headSize+8, 1<<32-1),
		"group order":     func(b []byte) []byte { swap(b[headSize:], groupSize); return b },
		"the same group twice": func(b []byte) []byte { // but for the entries that each covers
			one, two := b[headSize:], b[headSize+groupSize:]
			copy(two[:4], one[:4])
			copy(two[16:groupSize], one[16:groupSize])
			return b
		},
		"groups that cover more than 32 bits count": func(b []byte) []byte { // and in sum the right number of entries
			count := binary.BigEndian.Uint32(b[headCount:])
			b = put32(headSize+8, 1<<32-1)(b)
			b = put32(headSize+groupSize+4, 1<<32-1)(b)
			return put32(headSize+groupSize+8, count+1)(b)
		},
		"group reserved":   func(b []byte) []byte { b[headSize+79] = 1; return b },
		"empty last group": put32(headSize+groupSize+8, 0),
	} {
		if _, err := ParseBundle(change(slices.Clone(good))); err == nil {
			t.Errorf("%s: bundle was taken", name)
		}
	}
}

func swap(b []byte, n int) {
	first := slices.Clone(b[:n])
	copy(b, b[n:2*n])
	copy(b[n:], first)
}

// TestBundleDamageIsFound flips every byte of a bundle: Check must notice each,
// and nothing may crash or find a response under a wrong key.
func TestBundleDamageIsFound(t *testing.T) {
	t.Parallel()
	good, keys := testBundle(t, 3)
	for i := range good {
		data := slices.Clone(good)
		data[i] ^= 0x41
		b, err := ParseBundle(data)
		if err != nil {
			continue
		}
		if err := b.Check(t.Context()); err == nil && !(i >= headShard && i < headShard+2) &&
			!(i >= headIssuer && i < headGroupEnd) {
			t.Errorf("byte %d was changed, and Check found nothing", i)
		}
		for _, k := range keys {
			b.Lookup(k)
		}
		for range b.All() {
		}
	}
}

// headGroupEnd: issuer name and shard are only checked against the generation.
const headGroupEnd = headSize

func TestOpenBundle(t *testing.T) {
	t.Parallel()
	data, keys := testBundle(t, 10)
	path := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBundle(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Lookup(keys[3]); !ok {
		t.Error("response is not found")
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	for name, content := range map[string][]byte{"empty": nil, "text": []byte(strings.Repeat("x", 300)),
		"cut": data[:len(data)-5]} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBundle(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenBundle(filepath.Dir(path)); err == nil {
		t.Error("a folder was opened as bundle")
	}
	if _, err := OpenBundle(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestShardOf(t *testing.T) {
	t.Parallel()
	const shards = 16
	var counts [shards]int
	for i := range 4096 {
		counts[ShardOf(binary.BigEndian.AppendUint32(nil, uint32(i)), shards)]++
	}
	for shard, n := range counts {
		if n < 180 || n > 340 {
			t.Errorf("shard %d has %d of 4096 sequential serials", shard, n)
		}
	}
	// SHA-256 of "abc" begins ba78 (FIPS 180-4).
	for shards, want := range map[int]int{0: 0, 1: 0, 16: 8, 100: 0xba78 % 100, 65536: 0xba78} {
		if got := ShardOf([]byte("abc"), shards); got != want {
			t.Errorf("ShardOf(abc, %d) = %d, want %d", shards, got, want)
		}
	}
}

func TestObjectName(t *testing.T) {
	t.Parallel()
	k := Key{Hash: crypto.SHA1, IssuerKeyHash: bytes.Repeat([]byte{0xab}, 20), Serial: []byte{0, 0xff}}
	if got, want := ObjectName(k), "ocsp/s1/"+strings.Repeat("ab", 20)+"/00ff"; got != want {
		t.Errorf("ObjectName = %q, want %q", got, want)
	}
}
