package verify_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"seihon/ledger"
	"seihon/public"
	"seihon/verify"
)

// nameTampers show that no name excuses what is under it.
func nameTampers() []tamper {
	text := func(s string) func(*repo) []byte { return func(*repo) []byte { return []byte(s) } }
	const ours = ".tmp/ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	users := text("V\t361121060000Z\t\t1267\tunknown\t/C=JP/CN=Taro\n")
	leftover := func(name string, content func(r *repo) []byte) tamper {
		return extra("leftover: "+name, ours, "copy-leftover", "", content).passing()
	}
	return []tamper{
		extra("subscribers in a dot file", ".users", "copy-extra", "registration-data", users),
		extra("subscribers in a dot folder", ".well-known/users.txt", "copy-extra", "registration-data", users),
		extra("subscribers under a temporary name", ours, "copy-extra", "registration-data", users),
		extra("program under a temporary name", ours, "copy-extra", "signing-logic",
			text("\x7fELF\x02\x01\x01\x00\x00")),
		extra("a known list in the temporary folder, under a name of somebody else's", ".tmp/sub.crl", "copy-extra",
			"not-in-ledger", func(r *repo) []byte { return r.files["crl/sub.crl"] }),
		leftover("the beginning of a list", func(r *repo) []byte { return r.files["crl/sub.crl"][:40] }),
		leftover("a whole list", func(r *repo) []byte { return r.files["crl/sub.crl"] }),
		leftover("the beginning of a generation's public copy", func(r *repo) []byte {
			b := read(r.public(), "ocsp/sub.generation")
			return b[:len(b)-20]
		}),
		leftover("the beginning of a tile", func(r *repo) []byte { return read(r.public(), "log/tile/0/000.p/2")[:8] }),
		leftover("the beginning of a checkpoint",
			func(r *repo) []byte { return read(r.public(), "log/checkpoint")[:50] }),
		leftover("nothing yet", text("")),
		extra("a name that clears the screen", "docs/\x1b[2J\nall is well", "copy-extra", "unrecognised", text("x")),
		extra("a name that is read backwards", "docs/\u202efdp.exe", "copy-extra", "unrecognised", text("x")),
		extra("a name that is no text", "docs/\xff\xfe", "copy-extra", "unrecognised", text("x")),
		on("an empty folder with a subscriber's name", "copy-extra@yamada-taro/",
			func(_ *repo, d string) { check(os.MkdirAll(filepath.Join(d, "yamada-taro"), 0o755)) }),
		{name: "empty folders of our own", passes: true, only: true, do: func(_ *testing.T, r *repo, _ *verify.Config) {
			check(os.MkdirAll(filepath.Join(r.public(), ".tmp"), 0o755))
		}},
		{name: "subscribers under a withdrawn name",
			want: []string{"copy-extra@cert/sub-ocsp.cer#withdrawn by log entry"}, only: true,
			do: func(_ *testing.T, r *repo, _ *verify.Config) {
				line := r.line1("cert/sub-ocsp.cer")
				r.enter(&ledger.Entry{Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: line.Name,
					Digest: line.Digest, Reason: "replaced"}}}})
				r.publish(r.public())
				write(r.public(), line.Name, users(r))
			}},
		on("a key behind 64 MiB of nothing", "private-key@backup.bin#after the first", func(r *repo, d string) {
			write(d, "backup.bin", nil)
			sparse(filepath.Join(d, "backup.bin"), 100<<20, keyPEM(r))
			f := must(os.OpenFile(filepath.Join(d, "backup.bin"), os.O_WRONLY, 0))
			for at := int64(0); at < 70<<20; at += 1 << 20 { // data, no hole
				_ = must(f.WriteAt(bytes.Repeat([]byte{1}, 1<<20), at))
			}
			check(f.Close())
		}),
		on("a key at the end of a sparse file of 4 TiB", "private-key@backup.bin",
			func(r *repo, d string) { sparse(filepath.Join(d, "backup.bin"), 4<<40, keyPEM(r)) }),
	}
}

// sparse writes b at the end of a file with a hole before it.
func sparse(path string, size int64, b []byte) {
	f := must(os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644))
	check(f.Truncate(size))
	if len(b) > 0 {
		_ = must(f.WriteAt(b, size-int64(len(b))))
	}
	check(f.Close())
}

// endlessTampers put something without an end in the place of a file. Each must be found, and none may be waited for.
func endlessTampers() []tamper {
	linked := func(device string) func(r *repo, d string) {
		return func(_ *repo, d string) {
			check(os.Remove(filepath.Join(d, "crl/sub.crl")))
			check(os.Symlink(device, filepath.Join(d, "crl/sub.crl")))
		}
	}
	both := func(c tamper, more string) tamper {
		c.want = append(c.want, more)
		return c
	}
	endless := func(name string) func(w http.ResponseWriter, req *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path != name {
				return false
			}
			w.Header().Set("Content-Type",
				public.HeaderFor(kindOf(name), time.Time{}, time.Time{}, time.Time{}, 0).ContentType)
			for {
				if _, err := w.Write(bytes.Repeat([]byte{'x'}, 64<<10)); err != nil {
					return true
				}
			}
		}
	}
	over := func(name, want string, hook func(w http.ResponseWriter, req *http.Request) bool) tamper {
		return tamper{name: "endless: http: " + name, want: []string{"copy-unlisted", want}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, hook)}}
			}}
	}
	return []tamper{
		both(on("endless: the list is a link to /dev/zero", "copy-different@crl/sub.crl#no regular file",
			linked("/dev/zero")), "copy-extra@crl/sub.crl"),
		both(on("endless: the checkpoint is a link to /dev/zero", "copy-unreadable@log/checkpoint",
			func(_ *repo, d string) {
				check(os.Remove(filepath.Join(d, "log/checkpoint")))
				check(os.Symlink("/dev/zero", filepath.Join(d, "log/checkpoint")))
			}), "copy-extra@log/checkpoint"),
		both(on("endless: a generation is a link to /dev/zero", "copy-unreadable@ocsp/sub.generation",
			func(_ *repo, d string) {
				check(os.Remove(filepath.Join(d, "ocsp/sub.generation")))
				check(os.Symlink("/dev/zero", filepath.Join(d, "ocsp/sub.generation")))
			}), "copy-extra@ocsp/sub.generation"),
		on("endless: the list is a sparse file of 8 TiB", "copy-different@crl/sub.crl",
			func(r *repo, d string) { sparse(filepath.Join(d, "crl/sub.crl"), 8<<40, nil) }),
		on("endless: a tile is a sparse file of 8 TiB", "copy-different@log/tile/0",
			func(r *repo, d string) { sparse(filepath.Join(d, "log/tile/0/000.p/2"), 8<<40, nil) }),
		on("endless: a sparse file of 8 TiB that nobody promised", "copy-extra@x.bin",
			func(r *repo, d string) { sparse(filepath.Join(d, "x.bin"), 8<<40, nil) }),
		over("a list without end", "copy-different@crl/sub.crl", endless("/crl/sub.crl")),
		{name: "endless: http: a list with 100 more bytes than its master, and as many as it says", only: true,
			want: []string{"copy-unlisted", "copy-different@crl/sub.crl#followed by 100 others"},
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, func(w http.ResponseWriter, req *http.Request) bool {
					if req.URL.Path == "/crl/sub.crl" {
						long := append(bytes.Clone(r.files["crl/sub.crl"]), make([]byte, 100)...)
						w.Header().Set("Content-Length", strconv.Itoa(len(long)))
						_, _ = w.Write(long)
					}
					return req.URL.Path == "/crl/sub.crl"
				})}}
			}},
		{name: "endless: http: a certificate that goes on",
			want: []string{"copy-unlisted", "copy-different@cert/sub.cer#followed by"}, only: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, func(w http.ResponseWriter, req *http.Request) bool {
					if req.URL.Path == "/cert/sub.cer" {
						_, _ = w.Write(append(bytes.Clone(r.files["cert/sub.cer"]), make([]byte, 1<<20)...))
					}
					return req.URL.Path == "/cert/sub.cer"
				})}}
			}},
	}
}

// TestReportsAreSafeToLookAt lets no name of a copy command a terminal or turn a line around.
func TestReportsAreSafeToLookAt(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for _, name := range []string{"a\x1b[2Jb", "c\nd", "e\u202ef", "g\u009b2Jh", "i\u200bj", "k\u2066l", "m\xff"} {
		write(r.public(), "docs/"+name, []byte("x"))
	}
	report := r.check(t)
	var text, page, js bytes.Buffer
	check(report.WriteText(&text))
	check(report.WriteHTML(&page))
	check(report.WriteJSON(&js))
	for form, out := range map[string]string{"text": text.String(), "HTML": page.String(), "JSON": js.String()} {
		for _, bad := range []string{"\x1b", "\u202e", "\u009b", "\u200b", "\u2066"} {
			if strings.Contains(out, bad) {
				t.Errorf("the %s report hands %+q on", form, bad)
			}
		}
	}
	if !strings.Contains(text.String(), `"docs/c\nd"`) || strings.Contains(text.String(), "c\nd") {
		t.Error("a line feed in a name is not quoted")
	}
}

// TestManyFindingsAreGrouped keeps a report of ten thousand findings readable, and counts every one.
func TestManyFindingsAreGrouped(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	const files = 3000
	for i := range files {
		write(r.public(), "junk/"+strconv.Itoa(i), []byte("x"))
	}
	report := r.check(t)
	var text, page bytes.Buffer
	check(report.WriteText(&text))
	check(report.WriteHTML(&page))
	if n := strings.Count(text.String(), "error copy-extra"); n != 21 ||
		!strings.Contains(text.String(), "copy-extra: 2980 more") {
		t.Errorf("the text tells of %d, and not of the rest", n)
	}
	if n := strings.Count(page.String(), "<li><strong>"); n != 20 || !strings.Contains(page.String(), "and 2980 more") {
		t.Errorf("the page tells of %d, and not of the rest", n)
	}
}

// TestInterruptedCheckEndsAtOnce: neither an endless file nor a server that does not answer holds up a check that is
// told to stop.
func TestInterruptedCheckEndsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	c := r.config()
	arrived := make(chan struct{}, 64)
	c.Copies = []verify.Copy{{Source: serve(t, r, func(_ http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path != "/crl/sub.crl" {
			return false
		}
		arrived <- struct{}{}
		<-req.Context().Done()
		return true
	})}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	done := make(chan error, 1)
	go func() {
		_, err := verify.Check(ctx, c)
		done <- err
	}()
	<-ctx.Done()
	select {
	case err := <-done:
		if err == nil {
			t.Error("an interrupted check made a report")
		}
	case <-time.After(5 * time.Second):
		t.Error("the check goes on five seconds after it was told to stop")
	}
}
