package verify_test

import (
	"context"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"seihon/verify"
)

// harmlessTampers are variations that no check may raise an alarm over, not even a note.
func harmlessTampers() []tamper {
	same := func(name string, do func(t *testing.T, r *repo, c *verify.Config)) tamper {
		return tamper{name: "harmless: " + name, only: true, passes: true, do: do}
	}
	each := func(root string, do func(path string, isDir bool)) {
		check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil {
				do(path, e.IsDir())
			}
			return err
		}))
	}
	list := func(change func([]verify.Listed) []verify.Listed) func(*testing.T, *repo, *verify.Config) {
		return func(_ *testing.T, r *repo, c *verify.Config) {
			c.Copies = []verify.Copy{{Source: &rearranged{must(verify.Dir(r.public())), change}}}
		}
	}
	return []tamper{
		same("nothing was changed", func(*testing.T, *repo, *verify.Config) {}),
		same("a CA revoked on the complete and on the authority list", func(_ *testing.T, r *repo, _ *verify.Config) {
			r.revokeSub(r.now.Add(-time.Minute), r.now.Add(-time.Minute))
			r.publish(r.public())
		}),
		same("files of other times", func(_ *testing.T, r *repo, _ *verify.Config) {
			n := 0
			each(r.public(), func(path string, _ bool) {
				n++
				at := time.Unix(int64(n)*1_000_000, 0)
				check(os.Chtimes(path, at, at))
			})
		}),
		same("files of other modes", func(_ *testing.T, r *repo, _ *verify.Config) {
			each(r.public(), func(path string, isDir bool) {
				if !isDir {
					check(os.Chmod(path, 0o444))
				}
			})
		}),
		same("a listing in another order", list(func(all []verify.Listed) []verify.Listed {
			slices.Reverse(all)
			return all
		})),
		same("a bucket that lists a page twice",
			list(func(all []verify.Listed) []verify.Listed { return append(all, all...) })),
		same("earlier partial tiles of every size", func(_ *testing.T, r *repo, _ *verify.Config) {
			log := r.writer.Log()
			for n := int64(1); n < log.Size(); n++ {
				for f, err := range log.PublicFiles(context.Background(), 0, n) {
					check(err)
					write(r.public(), f.Name, must(f.Bytes()))
				}
			}
		}),
		same("a mirrored second place", func(_ *testing.T, r *repo, c *verify.Config) {
			dir := filepath.Join(r.dir, "mirror")
			copyTree(r.public(), dir)
			c.Copies = append(c.Copies, verify.Copy{Source: must(verify.Dir(dir))})
		}),
		same("a place behind a link to its folder", func(_ *testing.T, r *repo, c *verify.Config) {
			link := filepath.Join(r.dir, "www")
			check(os.Symlink(r.public(), link))
			c.Copies = []verify.Copy{{Source: must(verify.Dir(link))}}
		}),
		same("a master that was copied", func(_ *testing.T, r *repo, c *verify.Config) {
			c.Master = filepath.Join(r.dir, "copied")
			copyTree(r.master(), c.Master)
		}),
		same("an index that was deleted", func(_ *testing.T, r *repo, _ *verify.Config) {
			check(os.RemoveAll(filepath.Join(r.master(), "index.db")))
		}),
		{name: "harmless: a CDN that adds headers", want: []string{"copy-unlisted"}, only: true, passes: true,
			do: func(t *testing.T, r *repo, c *verify.Config) {
				c.Copies = []verify.Copy{{Source: serve(t, r, func(w http.ResponseWriter, _ *http.Request) bool {
					for name, value := range map[string]string{
						"Age": "17", "Via": "1.1 edge.example (CDN)", "X-Cache": "Hit from edge",
						"X-Amz-Cf-Pop": "NRT57",
						"Server":       "edge", "Accept-Ranges": "bytes",
						"ETag": `W/"5e0f"`, "Strict-Transport-Security": "max-age=31536000",
						"X-Content-Type-Options": "nosniff", "Alt-Svc": `h3=":443"`, "Vary": "Accept-Encoding",
					} {
						w.Header().Set(name, value)
					}
					return false
				})}}
			}},
	}
}

// A rearranged copy lists its objects in another way.
type rearranged struct {
	verify.Source
	change func([]verify.Listed) []verify.Listed
}

func (s *rearranged) List(ctx context.Context) iter.Seq2[verify.Listed, error] {
	return func(yield func(verify.Listed, error) bool) {
		var all []verify.Listed
		for o, err := range s.Source.(verify.Lister).List(ctx) {
			check(err)
			all = append(all, o)
		}
		for _, o := range s.change(all) {
			if !yield(o, nil) {
				return
			}
		}
	}
}
