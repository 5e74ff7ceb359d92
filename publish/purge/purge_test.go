package purge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base string
		in   []string
		want []string
	}{
		{"", []string{"crl/sub.crl", "ocsp/*"}, []string{"/crl/sub.crl", "/ocsp/*"}},
		{"/pki", []string{"cert/root.cer"}, []string{"/pki/cert/root.cer"}},
		{"/pki/", []string{Everything}, []string{"/pki/*"}},
		{"", []string{"index.html"}, []string{"/index.html", "/"}},
		// the name has a percent sign, so its URL has it escaped
		{"", []string{"ocsp/MEI%3D"}, []string{"/ocsp/MEI%253D"}},
	} {
		if got := Paths(c.base, c.in); !slices.Equal(got, c.want) {
			t.Errorf("Paths(%q, %q) = %q, want %q", c.base, c.in, got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	many := func(dir string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("%s/%06d", dir, i))
		}
		return out
	}
	for name, c := range map[string]struct {
		in   []string
		most int
		want []string
	}{
		"few": {[]string{"/b", "/a", "/b"}, 3, []string{"/a", "/b"}},
		"below a wildcard": {[]string{"/ocsp/*", "/ocsp/sub.generation", "/ocsp/s1/ab/*", "/ocspx"}, 3,
			[]string{"/ocsp/*", "/ocspx"}},
		"below everything": {[]string{"/*", "/a/*", "/b/c"}, 3, []string{"/*"}},
		"the fullest folder": {append(many("/ocsp/s1/ab", 5000), "/crl/sub.crl", "/cert/root.cer"), 3000,
			[]string{"/cert/root.cer", "/crl/sub.crl", "/ocsp/s1/ab/*"}},
		"two folders": {append(many("/a", 3000), many("/b", 2500)...), 2501,
			append([]string{"/a/*"}, many("/b", 2500)...)},
		"one in each of many":   {[]string{"/a/1", "/b/1", "/c/1"}, 2, []string{"/*"}},
		"wildcards fold upward": {[]string{"/x/a/*", "/x/b/*", "/y"}, 2, []string{"/x/*", "/y"}},
	} {
		if got := fold(c.in, c.most); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d paths %.5q, want %.5q", name, len(got), got, c.want)
		}
	}
}

func TestCloudFrontTakesFifteenWildcards(t *testing.T) {
	t.Parallel()
	var paths []string
	for i := range 16 {
		paths = append(paths, fmt.Sprintf("/%02d/*", i))
	}
	f := &CloudFront{}
	if got, err := f.Fold(paths[:15]); err != nil || len(got) != 15 {
		t.Errorf("15 wildcards became %q, %v", got, err)
	}
	if got, err := f.Fold(paths); err != nil || !slices.Equal(got, []string{"/*"}) {
		t.Errorf("16 wildcards became %q, %v", got, err)
	}
}

// TestFoldCoversAll makes random paths of few letters: none may be lost, whatever the bound.
func TestFoldCoversAll(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var in []string
		for range 1 + random.IntN(6) {
			p := "/"
			for range random.IntN(6) {
				p += string("ab/*."[random.IntN(5)])
			}
			in = append(in, p)
		}
		most := 1 + random.IntN(4)
		out := fold(in, most)
		if len(out) > most {
			t.Fatalf("%q: %d paths are left, at most %d were wanted", in, len(out), most)
		}
		for _, p := range in {
			if !slices.Equal(covered(append(slices.Clone(out), p)), out) {
				t.Fatalf("%q is not covered by %q", p, out)
			}
		}
	}
}
