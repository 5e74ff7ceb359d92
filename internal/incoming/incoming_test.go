package incoming

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

func folder(t *testing.T) *Folder {
	return &Folder{Dir: t.TempDir(), Settle: time.Minute, Now: func() time.Time { return now }}
}

func put(t *testing.T, f *Folder, name string, content []byte, age time.Duration) {
	t.Helper()
	path := filepath.Join(f.Dir, name)
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644),
		os.Chtimes(path, now.Add(-age), now.Add(-age))} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func names(files []File) (all []string) {
	for _, f := range files {
		all = append(all, f.Name)
	}
	return all
}

// TestLook tells what is whole from what somebody may still be writing.
func TestLook(t *testing.T) {
	t.Parallel()
	f := folder(t)
	long := append([]byte{0x30, 0x82, 1, 0}, make([]byte, 256)...)
	for _, c := range []struct {
		name    string
		content []byte
		age     time.Duration
	}{
		{"complete", []byte{0x30, 2, 5, 0}, 0}, {"complete-long", long, 0}, {"half", long[:100], 0},
		{"half-and-left", long[:100], time.Hour},
		{"two", []byte{0x30, 2, 5, 0, 0x30, 0}, 0}, {"text", []byte("text"), 0},
		{"text-settled", []byte("text"), time.Minute}, {"empty", nil, 0},
		{"ahead", []byte("x"), -time.Hour}, {".sub.crl.Xy12", long, time.Hour}, {"sub.crl.part", long, time.Hour},
		{"sub.crl~", long, time.Hour},
		{"batch/in-a-folder", long, time.Hour}, {Accepted + "/old", long, time.Hour},
		{Refused + "/old", long, time.Hour},
	} {
		put(t, f, c.name, c.content, c.age)
	}
	if err := os.Symlink("complete", filepath.Join(f.Dir, "link")); err != nil {
		t.Fatal(err)
	}
	ready, waiting, err := f.Look()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ahead", "batch/in-a-folder", "complete", "complete-long", "half-and-left", "text-settled"}
	if got := names(ready); !slices.Equal(got, want) {
		t.Errorf("ready: %q, want %q", got, want)
	}
	if got := names(waiting); !slices.Equal(got, []string{"empty", "half", "text", "two"}) {
		t.Errorf("waiting: %q", got)
	}
	if _, _, err := (&Folder{Dir: f.Dir + "/none", Now: f.Now}).Look(); err == nil {
		t.Error("a folder that is not there is empty")
	}
}

// TestRead refuses what changed since it was looked at, and while it is read.
func TestRead(t *testing.T) {
	t.Parallel()
	f := folder(t)
	put(t, f, "a", []byte("one"), time.Hour)
	ready, _, err := f.Look()
	if err != nil || len(ready) != 1 {
		t.Fatal(ready, err)
	}
	if b, err := f.Read(ready[0]); err != nil || string(b) != "one" {
		t.Fatalf("%q %v", b, err)
	}
	put(t, f, "a", []byte("two"), 0)
	if _, err := f.Read(ready[0]); !errors.Is(err, ErrChanging) {
		t.Errorf("written over: %v", err)
	}
	put(t, f, "a", []byte("longer"), time.Hour)
	if _, err := f.Read(ready[0]); !errors.Is(err, ErrChanging) {
		t.Errorf("longer: %v", err)
	}
	if err := os.Remove(filepath.Join(f.Dir, "a")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(ready[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("taken away: %v", err)
	}
}

// TestClose moves an input and says why, also when it is done again after a crash.
func TestClose(t *testing.T) {
	t.Parallel()
	f := folder(t)
	digest := "0123456789abcdef0123456789abcdef"
	for range 2 {
		put(t, f, "sub.crl", []byte("x"), time.Hour)
		ready, _, err := f.Look()
		if err != nil || len(ready) != 1 {
			t.Fatal(ready, err)
		}
		if err := f.close(Closing{File: ready[0], Folder: Refused, Digest: digest,
			Reason: "two\nlines of\treason"}); err != nil {
			t.Fatal(err)
		}
	}
	want := "2026-11-29T03:00:00Z refused sha256:" + digest + " sub.crl: two lines of reason"
	if lines, err := Reasons(f.Dir); err != nil || !slices.Equal(lines, []string{want}) {
		t.Errorf("%q %v", lines, err)
	}
	if err := os.Remove(filepath.Join(f.Dir, Refused, "0123456789abcdef-sub.crl")); err != nil {
		t.Fatal(err)
	}
	if lines, err := Reasons(f.Dir); err != nil || len(lines) != 0 {
		t.Errorf("%q %v after the input was taken away", lines, err)
	}
}

// TestCloseNames: a name that is too long is cut, one with control characters is quoted, and the files of a batch have
// a line each.
func TestCloseNames(t *testing.T) {
	t.Parallel()
	f := folder(t)
	long, evil := strings.Repeat("あ", 85), "red\x1b[31m\nline"
	for _, name := range []string{long, evil} {
		put(t, f, name, []byte("x"), time.Hour)
		c := Closing{File: File{Name: name}, Folder: Refused, Digest: strings.Repeat("ab", 32), Reason: "why\nso",
			Members: []Member{{"tar: \"a\"", "", "no\nlist"}}}
		if err := f.CloseAll([]Closing{c}); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(filepath.Join(f.Dir, Refused))
	if err != nil || len(left) != 4 {
		t.Fatalf("%v %v", left, err)
	}
	lines, err := Reasons(f.Dir)
	if err != nil || len(lines) != 2 || !strings.HasSuffix(lines[0],
		" \"red\\x1b[31m\\nline\": why so") && !strings.HasSuffix(lines[1], " \"red\\x1b[31m\\nline\": why so") {
		t.Errorf("%q %v", lines, err)
	}
	text, err := os.ReadFile(filepath.Join(f.Dir, Refused, "abababababababab-"+evil+reasonEnd))
	if err != nil || strings.Count(string(text), "\n") != 2 ||
		!strings.HasSuffix(string(text), " refused sha256:unread tar: \"a\": no list\n") {
		t.Errorf("%q %v", text, err)
	}
}
