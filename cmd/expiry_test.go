//go:build integration

package cmd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seihon/verify/report"
)

// TestCertificatesExpire lets certificates expire that are alone in their shard of the responses, as they are in a
// small CA, whose number of shards is changed on the first day, too. Nothing is due there any more, and still no run
// leaves a response past its nextUpdate in public, or one in a shard where nobody looks for it.
func TestCertificatesExpire(t *testing.T) {
	c := newClocked(t)
	files := recordings(t)
	c.unpack(files[len(files)-1], "repo")
	c.edit("repo/repository.yaml", "shards: 4", "shards: 64", "subscribers: {validity: 2y",
		"subscribers: {validity: 4d",
		"    url: http://"+recordedAddress+"\n    ocsp: true\n", "")
	began := c.time
	for day := 1; day <= 12; day++ {
		c.set(began.AddDate(0, 0, day))
		if day <= 3 {
			name := fmt.Sprint("short", day)
			c.run("repo",
				"sh",
				"-c",
				"openssl ecparam -name prime256v1 -genkey -noout -out ca/"+name+".key && openssl req -new -key ca/"+
					name+
					".key -subj /C=JP/O=Example/CN="+name+" -out ca/"+name+".csr")
			c.run("repo", "signer", "issue", "--issuer", "sub", "--csr", "ca/"+name+".csr", "--out", "ca/"+name+".pem")
		}
		c.run("repo", "signer", "run")
		c.run("repo", "publisher", "sync")
		sound(c)
		c.says(0, []string{"OK - "}, "repo", "signer", "status")
		// A few hours later as well: what expires between two signatures of its shard does not wait for the next.
		c.set(c.time.Add(15 * time.Hour))
		c.run("repo", "signer", "run")
		c.run("repo", "publisher", "sync")
		sound(c)
		if again := c.run("repo", "signer", "run"); !strings.Contains(again, "nothing is due") {
			t.Errorf("day %d: what was signed is due again:\n%s", day, again)
		}
	}
}

// sound wants the auditor to find nothing but notes, and of those none that anything was missing for longer than
// between two runs: a response that is not renewed goes with the first run after its nextUpdate.
func sound(c *clocked) {
	c.Helper()
	checked := c.verify("repo")
	for _, f := range checked.Findings {
		if f.Severity != report.Note {
			c.Errorf("%s: %s %s: %s", c.time.Format(time.RFC3339), f.Code, f.Name, f.Detail)
		}
	}
	for _, h := range checked.Record.Lists {
		if h.Gaps > 0 {
			c.Errorf("%s: %s was not current %d times", c.time.Format(time.RFC3339), h.Name, h.Gaps)
		}
	}
}
