// Package purge takes public names out of the cache of a CDN before their time.
//
// It is for emergencies. Publishing needs no invalidation: the headers by kind
// (public.HeaderFor) bound how long any cache keeps a copy, names that change
// live for an hour at most, and names that carry a digest never change. What is
// left is the case in which an hour is too long: a revocation that must be seen
// now, or something that should never have been public.
//
// A purge does not change what is published and needs no key of the CA. A CDN
// that was asked fetches the name again from the target, so the target has to
// hold the right bytes first: sync, then purge.
//
// Three kinds of CDN are known: [CloudFront], [CloudCDN], and [HTTP], which
// sends one request for each path to whatever understands it (Varnish, nginx,
// Fastly). Each folds long lists of paths into wildcards where its API bounds
// them ([CDN.Fold]), tries again when it is asked to slow down, and honours the
// deadline of its context. Tokens come from a file or a systemd credential and
// are in no error and in no log.
package purge

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A CDN forgets what it cached.
type CDN interface {
	// Fold returns what Purge will be asked for: the paths, in order and once
	// each, or wildcards that cover them where the CDN bounds their number. It
	// fails if the CDN cannot forget one of them.
	Fold(paths []string) ([]string, error)

	// Purge asks the CDN to forget the paths. On an error the receipts say
	// what it accepted before.
	Purge(ctx context.Context, paths []string) ([]Receipt, error)

	// Wait returns when the CDN says that the receipts are done everywhere.
	Wait(ctx context.Context, receipts []Receipt) error
}

// A Receipt is what the CDN answered for one path.
type Receipt struct {
	Path string `json:"path"`
	ID   string `json:"id,omitempty"` // of the invalidation, to look it up at the CDN
	Done bool   `json:"done"`         // it is forgotten, not only accepted
}

// Everything is the name that stands for all names.
const Everything = "*"

// CheckName reports as an error why a name, or a folder with "/*", cannot be public.
func CheckName(name string) error { return ledger.CheckName(strings.TrimSuffix(name, "/*")) }

// Paths returns the paths of the names below a public address. A name may end
// with "/*". The index page is also what the address itself shows.
func Paths(base string, names []string) []string {
	base = strings.TrimSuffix(base, "/")
	var out []string
	for _, name := range names {
		stem, star := strings.CutSuffix(name, Everything)
		p := base + "/" + (&url.URL{Path: stem}).EscapedPath()
		if star {
			p += Everything
		}
		out = append(out, p)
		if name == public.Index {
			out = append(out, base+"/")
		}
	}
	return out
}

// Urgent returns the names that tell relying parties of a revocation. responses
// are the folders in which a CDN caches OCSP responses, with a slash at the end
// of each; they are as many as there are certificates, so they go as wildcards.
func Urgent(state *ledger.State, responses []string) []string {
	var names []string
	for l := range state.All() {
		if l.Kind.IsRevocationList() || l.Kind == artifact.OCSPGeneration {
			names = append(names, l.Name)
		}
	}
	for _, folder := range responses {
		names = append(names, strings.TrimPrefix(folder, "/")+Everything)
	}
	return names
}

// fold drops what a wildcard covers and, when more than most paths are left,
// makes wildcards of the folders that hold most of them.
func fold(paths []string, most int) []string {
	paths = covered(paths)
	for len(paths) > most {
		count := map[string]int{}
		for _, p := range paths {
			count[folder(p)]++
		}
		var fullest string
		for dir, n := range count {
			if m := count[fullest]; n > m || n == m && dir < fullest {
				fullest = dir
			}
		}
		if count[fullest] == 1 {
			return []string{"/*"}
		}
		paths = covered(append(paths, fullest+"/*"))
	}
	return paths
}

// folder is where a path lies, without the slash; a wildcard lies above what it covers.
func folder(p string) string {
	p = strings.TrimSuffix(p, "/*")
	return p[:max(0, strings.LastIndexByte(p, '/'))]
}

// covered sorts the paths and drops those that stand twice or below a wildcard.
func covered(paths []string) []string {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	paths = slices.Compact(paths)
	wild := map[string]bool{}
	for _, p := range paths {
		if stem, ok := strings.CutSuffix(p, "/*"); ok {
			wild[stem] = true
		}
	}
	return slices.DeleteFunc(paths, func(p string) bool {
		stem, star := strings.CutSuffix(p, "/*")
		if star && stem == "" {
			return false
		}
		dir := stem
		for {
			i := strings.LastIndexByte(dir, '/')
			if i < 0 {
				return false
			}
			if dir = dir[:i]; wild[dir] {
				return true
			}
		}
	})
}

// wildcards counts them.
func wildcards(paths []string) (n int) {
	for _, p := range paths {
		if strings.HasSuffix(p, Everything) {
			n++
		}
	}
	return n
}
