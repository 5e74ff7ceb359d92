//go:build integration

package cmd_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestOlderCopiesAtTheProbe lets the place of publication put back what it had before: a list that is valid for months,
// and the checkpoint. The probe calls them older copies as soon as no cache can have them any more, and goes on doing
// so weeks after the newer ones were sent.
func TestOlderCopiesAtTheProbe(t *testing.T) {
	c := clockRepo(t)
	public := filepath.Join(c.dir, "repo", "public")
	s := httptest.NewServer(http.FileServer(http.Dir(public)))
	t.Cleanup(s.Close)
	c.edit("repo/repository.yaml", "    directory: public\n", "    directory: public\n    url: "+s.URL+"\n")
	c.run("repo", "sh", "-c", "mkdir older newer && cp public/crl/root-arl.crl public/log/checkpoint older")
	c.run("repo", "signer", "crl")
	c.run("repo", "publisher", "sync")
	c.run("repo", "sh", "-c", "cp public/crl/root-arl.crl public/log/checkpoint newer")
	newest := c.time
	put := func(from string) {
		c.run("repo", "sh", "-c", "cp "+from+"/root-arl.crl public/crl && cp "+from+"/checkpoint public/log")
	}
	older := regexp.MustCompile(`BAD \S+?//[^/]+/(\S+): status 200, older-copy: `)
	look := func(after time.Duration, want ...string) {
		t.Helper()
		c.set(newest.Add(after))
		var got []string
		// after weeks other lists are stale, too
		out, _ := c.command("repo", "publisher", "probe", "--dry-run", "--quiet").Output()
		for _, m := range older.FindAllSubmatch(out, -1) {
			got = append(got, string(m[1]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v after the newer ones were sent: %q are older copies, want %q\n%s", after, got, want, out)
		}
	}
	put("older")
	look(50 * time.Second)
	look(70*time.Second, "log/checkpoint")
	look(time.Hour+10*time.Second, "crl/root-arl.crl", "log/checkpoint")
	look(20*aDay, "crl/root-arl.crl", "log/checkpoint")
	put("newer")
	look(20*aDay + time.Hour)
}
