package unpack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

var limits = Limits{Members: 4, Member: 4096, Whole: 64 << 10}

// pack makes a tar; a header without content of its own gets that of size n.
func pack(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(bytes.Repeat([]byte{'x'}, int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

func file(name string, size int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size}
}

// TestOpen: regular members come out, whatever their names; a link is told of and leads nowhere; folders are passed
// over.
func TestOpen(t *testing.T) {
	plain := pack(t, tar.Header{Name: "a/", Typeflag: tar.TypeDir}, file("../../etc/a", 3), file("a/b", 0),
		tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		file(strings.Repeat("long", 60), 4096))
	for _, raw := range [][]byte{plain, zip(plain), append(bytes.Clone(plain), make([]byte, 9000)...)} {
		if !Is(raw) {
			t.Fatal("it is not seen to be a tar")
		}
		all, err := Open(raw, limits)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			text := string(m.Content[:min(len(m.Content), 3)])
			if m.Problem != nil {
				text = m.Problem.Error()
			}
			got = append(got, m.Name[:min(len(m.Name), 12)]+"="+text)
		}
		if s := strings.Join(got,
			" "); s != "../../etc/a=xxx a/b= link=it is not a regular file, but of type '2' longlonglong=xxx" {
			t.Error(s)
		}
	}
}

// TestRefused: what is broken off, too large, or has something behind its end is not opened at all.
func TestRefused(t *testing.T) {
	good := pack(t, file("a", 3), file("b", 600))
	many := pack(t, file("1", 1), file("2", 1), file("3", 1), file("4", 1), file("5", 1))
	for name, c := range map[string]struct {
		raw []byte
		why string
	}{
		"within a member":       {good[:1700], "unexpected EOF"},
		"between two members":   {good[:1024], "its end is missing"},
		"half an end":           {good[:len(good)-blockSize], "its end is missing"},
		"two tars":              {append(bytes.Clone(good), good...), "something follows its end"},
		"many":                  {many, "more than 4 members"},
		"large":                 {pack(t, file("a", 4097)), "has 4097 octets, more than 4096"},
		"a bomb":                {zip(append(bytes.Clone(good), make([]byte, 64<<10)...)), "more than 65536 octets"},
		"a large tar":           {append(bytes.Clone(good), make([]byte, 64<<10)...), "more than 65536 octets"},
		"gzip of no tar":        {zip([]byte("text")), "unexpected EOF"},
		"gzip of long text":     {zip(bytes.Repeat([]byte("text"), 300)), "invalid tar header"},
		"gzip broken off":       {zip(good)[:40], "unexpected EOF"},
		"gzip with an end":      {append(zip(good), "a text that follows"...), "invalid header"},
		"gzip with a wrong sum": {flip(zip(good), -5), "invalid checksum"},
		"a wrong header":        {flip(good, 1024), "invalid tar header"},
	} {
		if _, err := Open(c.raw, limits); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

func flip(raw []byte, at int) []byte {
	raw = bytes.Clone(raw)
	if at < 0 {
		at += len(raw)
	}
	raw[at] ^= 0x55
	return raw
}

func FuzzOpen(f *testing.F) {
	plain := pack(f, file("a", 3), tar.Header{Name: "b", Typeflag: tar.TypeSymlink, Linkname: "a"})
	f.Add(plain)
	f.Add(zip(plain))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := Open(raw, limits)
		if err != nil {
			return
		}
		size := 0
		for _, m := range all {
			if size += len(m.Content); int64(len(m.Content)) > limits.Member {
				t.Errorf("%q has %d octets", m.Name, len(m.Content))
			}
		}
		if len(all) > limits.Members || int64(size) > limits.Whole {
			t.Errorf("%d members of %d octets", len(all), size)
		}
	})
}
