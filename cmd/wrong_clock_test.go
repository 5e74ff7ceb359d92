//go:build integration

package cmd_test

import (
	"strings"
	"testing"
	"time"

	"seihon/verify/report"
)

const aDay = 24 * time.Hour

// clockRepo is the recorded repository on the day after, signed, published and found right by the auditor.
func clockRepo(t *testing.T) *clocked {
	c := newClocked(t)
	files := recordings(t)
	c.unpack(files[len(files)-1], "repo")
	c.edit("repo/repository.yaml", "    url: http://"+recordedAddress+"\n    ocsp: true\n", "",
		"  # max_clock_jump: 30h", "  max_clock_jump: 20h",
		"validity: 3d, refresh: 1d", "validity: 3d, refresh: 12h", "refresh: 1d\n      shards",
		"refresh: 12h\n      shards", "validity: 7d, refresh: 1d", "validity: 7d, refresh: 12h")
	c.run("repo", "sh", "-c",
		"openssl ecparam -name prime256v1 -genkey -noout -out ca/new.key && openssl req -new -key ca/new.key -subj "+
			"/C=JP/O=Example/CN=New -out ca/new.csr")
	c.set(c.time.Add(19 * time.Hour))
	c.run("repo", "signer", "crl")
	c.run("repo", "signer", "ocsp")
	c.run("repo", "publisher", "sync")
	sound(c)
	c.set(c.time.Add(20 * time.Minute))
	return c
}

// status is what relying parties read, and the checkpoint that promises it.
func (c *clocked) status() string {
	return c.run("repo", "sha256sum", "public/crl/sub.crl", "public/crl/root.crl", "public/crl/root-arl.crl",
		"public/ocsp/sub.generation", "public/ocsp/root.generation", "public/log/checkpoint")
}

// everySigner wants each command of the room that signs or dates to refuse.
func (c *clocked) everySigner(texts ...string) {
	c.Helper()
	before := c.run("repo", "sha256sum", "master/log/checkpoint")
	for _, args := range [][]string{
		{"run"}, {"crl"}, {"ocsp"},
		{"issue", "--issuer", "sub", "--csr", "ca/new.csr", "--out", "refused.pem"},
		{"revoke", "--yes", "--issuer", "sub", "--certificate", "ca/good.pem", "--reason", "superseded"},
		{"document", "--name", "cps", "--version", "9.9", "--file", demoPDF},
	} {
		c.says(5, texts, "repo", "signer", args...)
	}
	c.run("repo", "test", "!", "-e", "refused.pem")
	if after := c.run("repo", "sha256sum", "master/log/checkpoint"); after != before {
		c.Error("the master log has grown")
	}
}

// TestClockADayBehind: nobody signs, nothing that is right is sent, and with the right clock everything goes on.
func TestClockADayBehind(t *testing.T) {
	c := clockRepo(t)
	right := c.time
	c.run("repo", "signer", "crl")
	before := c.status()
	c.set(right.Add(-aDay))
	c.everySigner("before the last entry of the master log", "nothing is")
	c.says(4, []string{"is in the future"}, "repo", "publisher", "sync")
	if c.status() != before {
		t.Error("a list or response of the future was sent")
	}
	if found := c.verify("repo"); found.OK || !finds(found, "not-yet-valid") ||
		!finds(found, "log-entry-in-the-future") {
		t.Error("an auditor whose clock is a day behind is not told")
	}
	c.set(right.Add(time.Minute))
	c.run("repo", "signer", "run")
	c.run("repo", "publisher", "sync")
	if c.status() == before {
		t.Error("with the right clock nothing was sent")
	}
	// the host's own record of the refusal has the time that the host believed in
	for _, f := range c.verify("repo").Findings {
		if f.Code != "log-time-goes-backwards" || f.Source != "publication log" {
			t.Errorf("%s %s %s: %s", f.Severity, f.Code, f.Name, f.Detail)
		}
	}
}

// TestClockADayAhead: beyond the bound nobody signs. A publisher whose clock alone is ahead sends what is right.
func TestClockADayAhead(t *testing.T) {
	c := clockRepo(t)
	right := c.time
	c.set(right.Add(aDay))
	c.everySigner("more than signer.max_clock_jump (20h0m0s)")
	c.set(right)
	c.run("repo", "signer", "crl")
	c.set(right.Add(aDay))
	c.run("repo", "publisher", "sync")
	c.set(right.Add(time.Minute))
	c.run("repo", "signer", "run")
	c.run("repo", "publisher", "sync")
	if found := c.verify("repo"); !finds(found, "log-entry-in-the-future") {
		t.Error("nobody is told of the receipts of the future")
	}
}

// TestWayBackFromADayAhead lets a room without a bound sign with a clock that is a day ahead. A publisher with a right
// clock sends nothing of it; one with the same clock sends all. In both cases the room comes back as docs/operations.md
// says, and the auditor finds the accident only, with its explanation.
func TestWayBackFromADayAhead(t *testing.T) {
	for _, both := range []bool{false, true} {
		c := clockRepo(t)
		right := c.time
		c.edit("repo/repository.yaml", "  max_clock_jump: 20h", "  # no bound")
		before := c.status()
		c.set(right.Add(aDay))
		c.says(0, []string{"signed  crl/sub.crl", "signed  ocsp/sub.generation"}, "repo", "signer", "run")
		c.set(c.time.Add(time.Second))
		c.run("repo", "signer", "crl")
		if both {
			c.run("repo", "publisher", "sync")
		} else {
			c.set(right)
			c.says(4, []string{"REFUSED crl/sub.crl", "rule crl-current", "rule ocsp-current"}, "repo", "publisher",
				"sync")
			if c.status() != before {
				t.Error("a list or response of the future was sent")
			}
		}
		right = right.Add(20 * time.Minute)
		c.set(right)
		c.everySigner("before the last entry of the master log")
		c.says(0, []string{"signed  crl/root.crl (dated ahead of the clock)", "signed  crl/root-arl.crl",
			"signed  crl/sub.crl", "signed  ocsp/root.generation", "signed  ocsp/sub.generation"},
			"repo", "signer", "run", "--accept-clock", "NTP was wrong from 21:22 to 21:24")
		c.run("repo", "publisher", "sync")
		explained(c, both)
		c.run("repo", "signer", "revoke", "--yes", "--issuer", "sub", "--certificate", "ca/good.pem", "--reason",
			"superseded")
		c.run("repo", "signer", "run")
		c.run("repo", "publisher", "sync")
		for day := 1; day <= 2; day++ {
			c.set(right.Add(time.Duration(day) * (aDay + time.Hour)))
			c.run("repo", "signer", "run")
			c.run("repo", "publisher", "sync")
			explained(c, both)
		}
		c.says(0, []string{"OK - "}, "repo", "signer", "status")
		c.says(0, []string{"OK - "}, "repo", "publisher", "status")
	}
}

// explained wants the auditor to find the accident and nothing else, and to find nothing wrong.
func explained(c *clocked, both bool) {
	c.Helper()
	found := c.verify("repo")
	for _, f := range found.Findings {
		back := (f.Code == "crl-time-backwards" || f.Code == "log-time-goes-backwards") && f.Severity == report.Note &&
			strings.Contains(f.Detail, "records that the clock before was wrong")
		ahead := f.Code == "log-entry-in-the-future"
		// What a publisher with the same clock sent and wrote down is still there, and tells of it.
		sent := f.Code == "copy-superseded" || f.Code == "log-time-goes-backwards" && f.Source == "publication log"
		if !back && !ahead && !(both && sent) {
			c.Errorf("%s: %s %s %s: %s", c.time.Format(time.RFC3339), f.Severity, f.Code, f.Name, f.Detail)
		}
	}
	if !finds(found, "crl-time-backwards") || !finds(found, "log-time-goes-backwards") {
		c.Error("the accident is not in the report")
	}
}

func finds(r *report.Report, code string) bool {
	for _, f := range r.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}
