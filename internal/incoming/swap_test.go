//go:build unix

package incoming

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFoldersSwappedForLinks has somebody who may write into the drop folder exchange a folder of it, and the folders
// for what was decided, for links to a folder of ours, all the time. Nothing there is read, moved or written.
func TestFoldersSwappedForLinks(t *testing.T) {
	t.Parallel()
	f := folder(t)
	ours := t.TempDir()
	secret := filepath.Join(ours, "pin")
	if err := os.WriteFile(secret, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(secret, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	put(t, f, "batch/pin", []byte("his"), time.Hour)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, name := range []string{"batch", Accepted, Refused} {
				path := filepath.Join(f.Dir, name)
				_ = os.Rename(path, path+".away") // whatever comes of it: he tries
				_ = os.Symlink(ours, path)
				time.Sleep(50 * time.Microsecond)
				_ = os.Remove(path)
				_ = os.Rename(path+".away", path)
			}
		}
	}()
	read, closed := 0, 0
	for i := range 80 {
		ready, _, err := f.Look()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range ready {
			if b, err := f.Read(file); err == nil {
				read++
				if string(b) == "ours" {
					t.Fatal("a file of ours was read")
				}
			}
			if f.close(Closing{File: file, Folder: []string{Accepted, Refused}[i%2], Digest: fmt.Sprintf("%016d", i),
				Reason: "reason"}) == nil {
				closed++
				put(t, &Folder{Dir: f.Dir, Now: f.Now}, fmt.Sprintf("again-%d", i), []byte("his"), time.Hour)
			}
		}
		if _, err := Reasons(f.Dir); err != nil && i == 0 {
			t.Log(err)
		}
	}
	close(stop)
	<-done
	if b, err := os.ReadFile(secret); err != nil || string(b) != "ours" {
		t.Errorf("our file is %q, %v", b, err)
	}
	if all, err := os.ReadDir(ours); err != nil || len(all) != 1 {
		t.Errorf("our folder has %v, %v", all, err)
	}
	if read == 0 || closed == 0 {
		t.Errorf("%d files were read and %d closed: the test shows nothing", read, closed)
	}
}
