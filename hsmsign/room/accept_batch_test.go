package room_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/internal/durable"
	"seihon/internal/inputtest"
)

// A packed file is put into a tar; without content it is a symbolic link.
type packed struct {
	name    string
	content []byte
}

func tarOf(t testing.TB, files ...packed) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if f.content == nil {
			h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
		}
		must(t, w.WriteHeader(h))
		_, err := w.Write(f.content)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(raw)
	_ = w.Close()
	return b.Bytes()
}

// reasons are the lines beside what ended in a folder, without their times.
func (k *keptRoom) reasons(t testing.TB, folder string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k.dir, "incoming", folder, "*.reason"))
	must(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		for line := range strings.Lines(string(raw)) {
			_, line, _ = strings.Cut(line, " sha256:")
			_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			all = append(all, line)
		}
	}
	return all
}

// TestAcceptBatch: each file of a tar is judged by itself, in the order of what they are and not of the tar. One that
// is refused sends the tar into refused/, with a line of its own; handed over again, nothing changes.
func TestAcceptBatch(t *testing.T) {
	t.Parallel()
	for name, pack := range map[string]func([]byte) []byte{"tar": func(raw []byte) []byte { return raw },
		"gzip": gzipped} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeptRoom(t)
			list, cert := k.listed(5, 0x10, 0x12), k.ca.Certificate(inputtest.Certificate{Serial: number(0x12)})
			good := []packed{{"../../list.crl", list}, {"a/cert.cer", cert}, {"a/list again", list}}
			bad := pack(tarOf(t, append(good, packed{"half\nevil\x1b", list[:40]}, packed{"link", nil},
				packed{"inner.tar", tarOf(t, good...)}, packed{"none", []byte{}})...))
			for range 2 {
				k.drop(t, "batch", bad)
				res, err := k.empty(t)
				must(t, err)
				lines := strings.Join(res.Verdicts[0].Lines(), "\n")
				want := []string{"refused   batch: 4 of its 7 files were refused, the others are taken; the first is " +
					"batch: \"half\\nevil\\x1b\": it is not taken",
					"batch: \"half\\nevil\\x1b\": it is not taken", "batch: \"link\": it is not a regular file",
					"batch: \"inner.tar\": it is a batch in a batch", "batch: \"none\": "}
				for _, w := range want {
					if !strings.Contains(lines, w) {
						t.Errorf("%s\nlacks %q", lines, w)
					}
				}
				reasons := k.reasons(t, "refused")
				if len(reasons) != 5 || !strings.HasPrefix(reasons[0], "batch: 4 of its 7 files were refused") ||
					!strings.HasPrefix(reasons[2], "batch: \"link\": it is not a regular file") {
					t.Errorf("reasons %q", reasons)
				}
				k.checkList(t, list)
			}
			k.drop(t, "batch", pack(tarOf(t, good...)))
			res, err := k.empty(t)
			must(t, err, res.Err())
			if text := res.Verdicts[0].String(); text != "accepted  batch: batch, which was here already; 3 files, 3 "+
				"of them were here already" {
				t.Error(text)
			}
			if lines := k.reasons(t, "accepted"); len(lines) != 1 ||
				!strings.HasPrefix(lines[0], "batch: batch, which was here already") {
				t.Errorf("reasons %q", lines)
			}
			k.drop(t, "half", bad[:len(bad)/2])
			if res, err = k.empty(t); err != nil ||
				!strings.Contains(res.Verdicts[0].Refused, "it is not taken: opening a tar: ") {
				t.Errorf("%v %v", err, res.Verdicts)
			}
		})
	}
}

// TestAcceptBatchFaults: whatever fails, the batch comes again and ends where it belongs, with what was good in it
// taken.
func TestAcceptBatchFaults(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	for n := 1; n <= 6; n++ {
		for _, after := range []bool{false, true} {
			list := k.listed(byte(2*n), 0x10)
			if after {
				list = k.listed(byte(2*n+1), 0x10)
			}
			k.drop(t, "batch", tarOf(t, packed{"list", list}, packed{"bad", list[:40]}))
			var failed error
			must(t, k.do(t, func(r *room.Room) error {
				folder := accept.DropFolder(r, r.Config.Accept)
				folder.FS = &faultyFS{FS: durable.OS{}, at: n, after: after}
				_, failed = accept.Empty(t.Context(), r, folder)
				return nil
			}))
			if n <= 4 && failed == nil {
				t.Errorf("step %d: nothing failed", n)
			}
			_, err := k.empty(t)
			must(t, err)
			k.checkList(t, list)
			if lines := k.reasons(t, "refused"); len(lines) != 2 {
				t.Errorf("step %d: %q", n, lines)
			}
			left, err := filepath.Glob(filepath.Join(k.dir, "incoming/*"))
			if must(t, err); len(left) != 1 {
				t.Errorf("step %d: %q", n, left)
			}
			must(t, os.RemoveAll(filepath.Join(k.dir, "incoming/refused")))
		}
	}
}

// TestAcceptManyBatches: batches that are together larger than what is opened at a time are judged one after the other.
// It is not parallel: it changes the limits.
func TestAcceptManyBatches(t *testing.T) {
	old := accept.BatchLimits
	defer func() { accept.BatchLimits = old }()
	accept.BatchLimits.Whole = 4096
	k := newKeptRoom(t)
	var inputs []accept.Input
	for n := byte(1); n <= 5; n++ {
		inputs = append(inputs,
			inputOf(fmt.Sprint(n),
				tarOf(t, packed{"filler", bytes.Repeat([]byte{'x'}, 1500)}, packed{"list", k.listed(n, 0x10)})))
	}
	must(t, k.do(t, func(r *room.Room) error {
		res, err := accept.Inputs(t.Context(), r, inputs)
		for i, v := range res.Verdicts {
			if len(v.Members) != 2 || v.Members[0].Refused == "" || v.Members[1].Refused != "" ||
				v.Input != inputs[i].Name {
				t.Errorf("%q", v.Lines())
			}
		}
		if res.Size == 0 {
			t.Error("no size")
		}
		return err
	}))
	k.checkList(t, k.listed(5, 0x10))
}
