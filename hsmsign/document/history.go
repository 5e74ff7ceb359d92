package document

import (
	"fmt"
	"time"

	"seihon/artifact"
)

// Version is one version of a published document.
type Version struct {
	Name, Version string          // "cps", "1.2"
	Title         string          // "Certification Practice Statement"
	Effective     time.Time       // in force from
	Digest        artifact.Digest // of the published bytes
	URL           string          // public name
	Signature     string          // public name of the .p7s; "" when the signature is inside
	Note          string          // what changed
}

// History is every published version of one document, oldest first. Versions are never taken back or changed: a
// signature made under an old CP/CPS is judged by the one that was in force.
type History []Version

// Check refuses a history that contradicts itself: another document's version, a version or a text that occurs twice,
// or one that comes into force before its predecessor.
func (h History) Check() error {
	for i, v := range h {
		if v.Version == "" || v.Digest.IsZero() || v.Effective.IsZero() {
			return fmt.Errorf("checking the history of %q: version %q lacks its number, digest or effective date",
				v.Name, v.Version)
		}
		for _, earlier := range h[:i] {
			switch {
			case earlier.Name != v.Name:
				return fmt.Errorf("checking the history of %q: it holds a version of %q", earlier.Name, v.Name)
			case earlier.Version == v.Version:
				return fmt.Errorf("checking the history of %q: version %q occurs twice", v.Name, v.Version)
			case earlier.Digest == v.Digest:
				return fmt.Errorf("checking the history of %q: versions %q and %q are the same text", v.Name,
					earlier.Version, v.Version)
			case v.Effective.Before(earlier.Effective):
				return fmt.Errorf("checking the history of %q: version %q comes into force before %q", v.Name,
					v.Version, earlier.Version)
			}
		}
	}
	return nil
}

// At returns the version in force at t, and reports whether there was one.
func (h History) At(t time.Time) (Version, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if !h[i].Effective.After(t) {
			return h[i], true
		}
	}
	return Version{}, false
}
