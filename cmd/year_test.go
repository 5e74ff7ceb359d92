//go:build integration

package cmd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/verify/report"
)

// The rhythm of the year: from noon to noon is a day, and each day that the timers run has one round of what they start
// every few minutes: room, export, import, publisher, with its probe and its verification. Where nothing happens, every
// second day has none; lists live three days, so nothing expires meanwhile.
const (
	yearDays = 365
	quiet    = 2
)

// A year is an operator with a signing room, a publishing host behind an air gap, public places with a responder, and
// an auditor, each in a folder of its own. It begins with the repository that the newest recording has, on the day
// after.
type year struct {
	*clocked
	began   time.Time
	day     int
	size    int64  // of the master that the host let in last
	stop    func() // ends the responder
	carried int
	gone    bool // the publishing host is
	down    bool // the responder is

	rounds, bad []time.Time    // when `publisher run` was, and when the responder was down
	lists       map[string]int // how often each was signed
	logBegan    time.Time      // the publication log
	month       time.Month     // the last whose report was compared
}

// events are what happens on a day, before the timers run.
var events = map[int]func(*year){
	1:   (*year).upgrade,
	20:  func(y *year) { y.revoke("good", "superseded") },
	40:  func(y *year) { y.gone = true }, // a power cut
	44:  (*year).powerBack,
	55:  func(y *year) { y.issue("before") },
	56:  (*year).backup,
	60:  func(y *year) { y.revoke("before", "keyCompromise"); y.issue("between") },
	62:  (*year).loseInventory,
	75:  (*year).renew,
	100: (*year).addTarget,
	130: (*year).loseHost,
	134: (*year).newHost,
	150: (*year).renew,
	180: (*year).rotate,
	210: (*year).archive,
	218: func(y *year) { y.revoke("between", "cessationOfOperation") },
	220: (*year).loseMaster,
	225: (*year).renew,
	250: (*year).dropTarget,
	280: func(y *year) { y.document("9.9") },
	281: (*year).withdraw,
	300: (*year).renew,
	330: func(y *year) { y.down = true; y.stop() },
	333: func(y *year) { y.down = false; y.serve() },
}

// TestAYear is an operator's whole year: every day's work, what is renewed and revoked, two restores, a lost host, new
// log keys, a place more and a place less. What must be refused on the way is tried, and the documented way back is the
// one that is taken. At the end of each month the record of operation, and at the end of the year the auditor's report,
// say what the test has done and seen itself, no more and no less.
func TestAYear(t *testing.T) {
	y := &year{clocked: newClocked(t), stop: func() {}, lists: map[string]int{}}
	files := recordings(t)
	y.unpack(files[len(files)-1], "room")
	y.month, y.logBegan = y.time.AddDate(0, 0, 5).Month(), y.time
	y.began = y.time.Truncate(24 * time.Hour).Add(12 * time.Hour)
	y.begin()
	for y.day = 1; y.day <= yearDays; y.day++ {
		event := events[y.day]
		if busy := event != nil || events[y.day-1] != nil || y.gone || y.down; !busy && y.day%quiet == 1 {
			continue
		}
		y.set(y.began.AddDate(0, 0, y.day))
		if event != nil {
			event(y)
		}
		y.work()
	}
	y.end()
}

// begin sets up the folders: the recording was room and host in one, on a trial; a host of its own and an edge come out
// of it.
func (y *year) begin() {
	y.Helper()
	y.run("", "mkdir", "cloud", "medium", "auditor", "edge")
	y.run("room", "mv", "public", "../cloud/public")
	y.run("", "cp", "-a", "room", "host")
	y.run("host", "rm", "-r", "secrets/softhsm2-tokens", "secrets/softhsm2.conf", "secrets/pin", "secrets/osaka.pem",
		"inventory.db", "master", "auditor.yaml",
		"auditor.checkpoint", "auditor.checkpoint.publication")
	y.run("room", "rm", "-r", "publication", "publication.head", "secrets/publication-log.key")
	y.run("room", "sh", "-c", "mv auditor.* ../auditor/")
	y.run("host", "sed", "-i", "/^signer:/,/^issuers:/{/^issuers:/!d}", "repository.yaml")
	// A round a day is recorded at once: with the default it would wait for the next and be too late to count.
	y.edit("host/repository.yaml", "directory: public\n", "directory: ../cloud/public\nprobe: {every: 24h}\n",
		"publication:\n", "publication:\n  batch: 0s\n")
	y.edit("auditor/auditor.yaml", y.dir+"/room/public", y.dir+"/cloud/public")
	y.run("host", "publisher", "config", "check")
	y.run("host", "publisher", "import", "--file", "../room/whole.export")
	y.serve()
}

// serve starts the edge, which has the configuration, the pinned keys and the root, and reads what is public.
func (y *year) serve() {
	y.Helper()
	y.run("", "sh", "-c",
		"cp -a host/repository.yaml host/keys host/ca edge/ && printf 'serve: {source: ../cloud/public, poll: "+
			"100ms}\n' >>edge/repository.yaml")
	y.stop = y.clocked.serve("edge", recordedAddress)
}

// work is what the timers do on a day, and what the test notes of it.
func (y *year) work() {
	y.Helper()
	y.sign()
	if y.gone {
		return
	}
	y.carry()
	if y.down {
		y.bad = append(y.bad, y.time)
		y.exits(3, "host", "publisher", "run", "--checkpoint", "../auditor/auditor.checkpoint")
	} else {
		y.run("host", "publisher", "run", "--checkpoint", "../auditor/auditor.checkpoint")
	}
	y.rounds = append(y.rounds, y.time)
	if y.time.Month() != y.month && !y.down {
		y.run("host", "publisher", "sync", "--prune") // what nobody can ask for any more
		y.report()
		y.month = y.time.Month()
	}
}

// sign is `signer run`, whose lists are noted.
func (y *year) sign(flags ...string) string {
	y.Helper()
	out := y.run("room", "signer", append([]string{"run"}, flags...)...)
	for _, m := range signedList.FindAllStringSubmatch(out, -1) {
		y.lists[m[1]]++
	}
	return out
}

var signedList = regexp.MustCompile(`(?m)^signed +(crl/\S+\.crl) `)

// report holds the record of operation of the month that has ended to what the test did and saw.
func (y *year) report() {
	y.Helper()
	to := time.Date(y.time.Year(), y.time.Month(), 1, 0, 0, 0, 0, time.UTC)
	from := to.AddDate(0, -1, 0)
	var u report.Uptime
	must(y,
		json.Unmarshal([]byte(y.run("host", "publisher", "report", "--json", "--month", from.Format("2006-01"))), &u))
	if from.Before(y.began) {
		return // the year began in this month, and so did the repository of the version before
	}
	if y.logBegan.After(from) {
		from = y.logBegan.Truncate(24 * time.Hour)
	}
	y.compare(&u, from, to)
}

// compare counts the days from one midnight to another, and what was done on them.
func (y *year) compare(u *report.Uptime, from, to time.Time) {
	y.Helper()
	said := func(what string, got, want any) {
		y.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			y.Errorf("the record of operation from %s says %s: %v; the test has %v", from.Format(time.DateOnly), what,
				got, want)
		}
	}
	on := map[time.Time]bool{} // days with a round
	bad, first := 0, time.Time{}
	for _, t := range y.rounds {
		if !t.Before(from) && t.Before(to) {
			on[t.Truncate(24*time.Hour)] = true
			if slices.Contains(y.bad, t) {
				bad++
				if first.IsZero() {
					first = t
				}
			}
		}
	}
	days, missed, gaps := 0, 0, []int{}
	for d := from; d.Before(to); d = d.AddDate(0, 0, 1) {
		if days++; !on[d] {
			missed++
		}
		if next := d.AddDate(0, 0, 1); on[d] || !next.Before(to) {
			if !on[d] {
				d = next
			}
			if missed >= 3 {
				gaps = append(gaps, missed)
			}
			missed = 0
		}
	}
	said("rounds expected", u.Rounds.Expected, days)
	said("rounds taken", u.Rounds.Taken, len(on))
	said("verifications", u.Verified, len(on))
	said("verifications with findings", u.VerifiedBad, bad)
	said("days with bad samples", u.Total.Observed-u.Total.Good > 0, bad > 0)
	said("refusals", u.Refused, 0)
	said("incidents", len(u.Incidents) > 0, bad > 0)
	for _, in := range u.Incidents {
		said("the beginning of an incident", in.From.Truncate(time.Minute), first)
	}
	told := []int{}
	for _, g := range u.Gaps {
		told = append(told, int(g.Slots))
	}
	said("days of gaps", told, gaps)
}

// carry brings what is new in the master over the air gap.
func (y *year) carry() {
	y.Helper()
	y.carried++
	medium := fmt.Sprintf("../medium/%d", y.carried)
	y.run("room", "signer", "export", "--since", fmt.Sprint(y.size), "--out", medium)
	y.run("host", "publisher", "import", "--file", medium)
	y.size = sizeOf(y.T, filepath.Join(y.dir, "host/master/log/checkpoint"))
}

func sizeOf(t *testing.T, checkpoint string) (n int64) {
	t.Helper()
	raw, err := os.ReadFile(checkpoint)
	must(t, err)
	_, err = fmt.Sscan(strings.Split(string(raw), "\n")[1], &n)
	must(t, err)
	return n
}

// audit is the auditor's verification, by the auditor's own pins and last checkpoint.
func (y *year) audit(args ...string) *report.Report {
	y.Helper()
	return y.clean("host", append([]string{"--pins", "../auditor/auditor.yaml", "--checkpoint",
		"../auditor/auditor.checkpoint", "--remember"}, args...)...)
}

func (y *year) upgrade() {
	checked := y.audit()
	for _, h := range checked.Record.Lists {
		y.lists[h.Name] = h.Versions // what the version before had signed
	}
	y.says(0, []string{"OK - "}, "room", "signer", "status")
}

func (y *year) revoke(name, reason string) {
	y.run("room", "signer", "revoke", "--yes", "--issuer", "sub", "--certificate", "ca/"+name+".pem", "--reason",
		reason)
}

func (y *year) issue(name string) {
	y.run("room", "sh", "-c",
		"openssl ecparam -name prime256v1 -genkey -noout -out ca/"+name+".key && openssl req -new -key ca/"+name+
			".key -subj /C=JP/O=Example/CN="+name+" -out ca/"+name+".csr")
	y.run("room", "signer", "issue", "--issuer", "sub", "--csr", "ca/"+name+".csr", "--out", "ca/"+name+".pem")
}

func (y *year) backup() { y.run("room", "cp", "inventory.db", "inventory.backup") }

// powerBack is the end of the power cut: what is public has expired meanwhile, so that comes first.
func (y *year) powerBack() {
	y.gone = false
	y.sign()
	y.carry()
	y.run("host", "publisher", "sync", "--only", "urgent")
	y.run("host", "publisher", "sync")
	y.stop()
	y.serve()
}

// loseInventory puts back the backup, which is older than a revocation and a certificate.
func (y *year) loseInventory() {
	y.run("room", "sh", "-c", "rm inventory.db*")
	y.says(5, []string{"signer inventory rebuild"}, "room", "signer", "run")
	y.run("room", "cp", "inventory.backup", "inventory.db")
	y.says(0, []string{"would heal  sub serial"}, "room", "signer", "run", "--dry-run")
	if out := y.sign(); !strings.Contains(out, "healed  sub serial") {
		y.Errorf("the run after the restore does not say that it healed the inventory:\n%s", out)
	}
}

func (y *year) renew() {
	y.run("room", "signer", "issue", "--name", "sub-ocsp")
	y.run("room", "signer", "ocsp", "--issuer", "sub")
}

func (y *year) addTarget() {
	y.edit("host/repository.yaml", "targets:\n",
		"targets:\n  - name: osaka\n    trial: true\n    directory: ../cloud/osaka\n")
	y.edit("auditor/auditor.yaml", "addresses:\n", "addresses:\n    - "+y.dir+"/cloud/osaka\n", "targets:\n",
		"targets:\n    - osaka\n")
}

func (y *year) loseHost() {
	y.run("", "rm", "-r", "host")
	y.gone = true
}

// newHost begins with nothing but what operations.md lists for a host: configuration, pinned keys, root certificate, a
// whole export.
func (y *year) newHost() {
	y.gone, y.size = false, 0
	y.run("", "mkdir", "host")
	y.run("edge", "cp", "-a", "keys", "ca", "../host")
	y.run("edge", "sh", "-c", "grep -v ^serve: repository.yaml >../host/repository.yaml")
	y.edit("host/repository.yaml", "targets:\n",
		"targets:\n  - name: osaka\n    trial: true\n    directory: ../cloud/osaka\n")
	oldKey := strings.TrimSpace(y.read("host/keys/publication-log.vkey"))
	y.run("host", "rm", "keys/publication-log.vkey")
	y.sign()
	y.carry()
	y.says(5, []string{"was published to before", "--new-log"}, "host", "publisher", "sync")
	y.run("host", "publisher", "sync", "--new-log", "--reason", "the host burnt, and its backup with it")
	y.stop()
	y.serve()
	// The auditor is told, judges the reason, enters the new key, and keeps the new log's checkpoint.
	y.edit("auditor/auditor.yaml", oldKey, strings.TrimSpace(y.read("host/keys/publication-log.vkey")))
	checked := y.verify("host", "--pins", "../auditor/auditor.yaml")
	i := slices.IndexFunc(checked.Findings, func(f report.Finding) bool { return f.Code == "publication-restarted" })
	if i < 0 || checked.Count(report.Warning) != 1 || checked.Count(report.Error)+checked.Count(report.Critical) > 0 ||
		!strings.Contains(checked.Findings[i].Detail, "the host burnt") {
		y.Errorf("the auditor is not told that the publication log was begun anew, and nothing else: %+v",
			checked.Findings)
	}
	y.run("host", "cp", "publication/log/checkpoint", "../auditor/auditor.checkpoint.publication")
	y.logBegan = y.time
}

// rotate makes new log keys. Host, edge and auditor pin the old ones, and believe the new ones since the old ones
// endorse them in the log: so the host imports first, and pins the new ones then.
func (y *year) rotate() {
	y.says(0, []string{"now set signer.log_keys"}, "room", "signer", "log", "rotate", "--yes", "--label", "log-2-ecdsa",
		"--label", "log-2-ed25519", "--reason", "yearly rotation")
	const old, now = "keys: [keys/master-log.ecdsa.vkey, keys/master-log.ed25519.vkey]",
		"keys: [keys/log-2-ecdsa.vkey, keys/log-2-ed25519.vkey]"
	y.edit("room/repository.yaml", old, now, "inventory: inventory.db\n",
		"inventory: inventory.db\n  log_keys: [log-2-ecdsa, log-2-ed25519]\n")
	y.carry()
	y.run("room", "sh", "-c", "cp keys/log-2-*.vkey ../host/keys/")
	y.edit("host/repository.yaml", old, now)
	for _, kind := range []string{"ecdsa", "ed25519"} {
		y.edit("auditor/auditor.yaml", strings.TrimSpace(y.read("room/keys/master-log."+kind+".vkey")),
			strings.TrimSpace(y.read("room/keys/log-2-"+kind+".vkey")))
	}
	y.stop()
	y.serve()
}

func (y *year) archive() { y.run("room", "signer", "archive", "--out", "../medium/bag") }

// loseMaster puts back the archive's copy of the master, which is refused, and then the newest there is: the host's
// copy with the archive's private part. What that part lacks is in no other place: it is lost, on record.
func (y *year) loseMaster() {
	y.run("room", "rm", "-r", "master")
	y.run("room", "cp", "-a", "../medium/bag/data", "master")
	y.says(5, []string{"older copy"}, "room", "signer", "run")
	y.run("room", "mv", "master", "old")
	y.run("room", "cp", "-a", "../host/master", "master")
	y.run("room", "cp", "-a", "old/private", "master/")
	y.run("room", "rm", "-r", "old")
	y.says(5, []string{"private part of the master, or a part of it, is missing"}, "room", "signer", "run")
	y.sign("--accept-private-loss", "the archive is older than the copy of the host")
}

// dropTarget takes a place out of the configuration, which is an alarm until it is given up on record, and then none
// any more.
func (y *year) dropTarget() {
	y.edit("host/repository.yaml", "  - name: osaka\n    trial: true\n    directory: ../cloud/osaka\n", "")
	y.edit("auditor/auditor.yaml", "    - "+y.dir+"/cloud/osaka\n", "", "    - osaka\n", "")
	// before the day's signatures less is left than the default wants
	shelf := []string{"status", "--warn", "2h", "--critical", "1h"}
	y.says(3, []string{"osaka"}, "host", "publisher", shelf...)
	y.says(0, []string{"retired"}, "host", "publisher", "retire", "--target", "osaka", "--reason", "the contract ended")
	out := y.run("host", "publisher", append(shelf, "--prometheus", "status.prom")...)
	if figures := y.read("host/status.prom"); strings.Contains(out+figures, "osaka") ||
		!strings.Contains(figures, `"public"`) {
		y.Errorf("a retired target is in the status:\n%s%s", out, figures)
	}
}

func (y *year) document(version string) {
	y.run("room", "signer", "document", "--name", "cps", "--version", version, "--file", demoPDF)
}

func (y *year) withdraw() {
	for _, name := range []string{"docs/cps-9.9.pdf", "docs/cps-9.9.pdf.p7s"} {
		y.run("room", "signer", "withdraw", "--yes", "--name", name, "--reason", "wrong version number")
	}
	y.carry()
	y.run("host", "publisher", "sync", "--prune")
}

// end is the auditor's verification at the end of the year, by everything there is: all copies, the responder, the
// inventory. Its report is held to what the test has done.
func (y *year) end() {
	y.Helper()
	y.run("room", "signer", "inventory", "--out", "../medium/inventory")
	y.run("host", "publisher", "sync", "--prune")
	checked := y.verify("host", "--pins", "../auditor/auditor.yaml", "--checkpoint", "../auditor/auditor.checkpoint",
		"--inventory", "../medium/inventory")
	noted := map[string]int{}
	for _, f := range checked.Findings {
		noted[string(f.Severity)+" "+f.Code+" "+f.Name]++
	}
	// Each certificate of an OCSP signer that ends has a response which goes with the first run after its nextUpdate: a
	// day later here.
	want := map[string]int{"note copy-unlisted ": 1, "note log-private-absent " + y.dir + "/host/master/private": 1,
		"note log-private-lost " + y.dir + "/host/master/private": 1,
		"note publication-restarted ":                             1,
		"note target-retired osaka":                               1, "note crl-gap ocsp/sub.generation": 4}
	if !checked.OK || !maps.Equal(noted, want) {
		y.Errorf("the auditor finds\n%v\nwant\n%v", noted, want)
	}
	for _, h := range checked.Record.Lists {
		if h.Versions != y.lists[h.Name] || h.Gaps != 0 {
			y.Errorf("the record says %+v; %d were signed, and there was always a current one", h, y.lists[h.Name])
		}
	}
	if len(checked.Record.Lists) != 3 || len(checked.Record.Rotations) != 1 {
		y.Errorf("the record has %d lists and %d rotations of keys", len(checked.Record.Lists),
			len(checked.Record.Rotations))
	}
	var gone []string
	for _, w := range checked.Record.Withdrawals {
		if strings.HasPrefix(w.Name, "docs/") {
			gone = append(gone, w.Name)
		}
	}
	if !slices.Equal(gone, []string{"docs/cps-9.9.pdf", "docs/cps-9.9.pdf.p7s"}) {
		y.Errorf("the record says that these documents were withdrawn: %v", gone)
	}
	healed := 0
	for _, e := range checked.Record.Evidence {
		if strings.Contains(e.Name+e.Detail, "inventory-healed") {
			healed++
		}
	}
	if healed != 1 {
		y.Errorf("the inventory was healed once, the record has %d entries of it: %+v", healed, checked.Record.Evidence)
	}
	u := checked.Record.Uptime
	rounds := 0
	for _, t := range y.rounds {
		if !t.Before(y.logBegan) {
			rounds++
		}
	}
	if int(u.Rounds.Taken) != rounds {
		y.Errorf("the record has %d rounds, %d were taken since the log began", u.Rounds.Taken, rounds)
	}
	for _, name := range []string{"good", "before", "between"} {
		serial := strings.TrimSpace(y.run("room", "sh", "-c",
			"openssl x509 -noout -serial -in ca/"+name+".pem | cut -d= -f2"))
		y.run("cloud",
			"sh",
			"-c", "openssl crl -inform DER -in public/crl/sub.crl -noout -text | grep -q 'Serial Number: "+serial+"'")
	}
	y.Logf("%d days with a round, lists signed: %v", len(y.rounds), y.lists)
}
