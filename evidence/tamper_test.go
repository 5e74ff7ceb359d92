package evidence

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

// tamperedFiles changes a file in every way that a person could try, and octet
// by octet: what Check accepts is the good file alone.
func tamperedFiles(t *testing.T, w *world) {
	e, err := Make(t.Context(), w.w.Log(), Question{Time: on(1001, 12), Certificate: w.subjects["revoked"].cert},
		w.config())
	if err != nil {
		t.Fatal(err)
	}
	good := e.Bytes()
	whole, err := Check(good, w.pins())
	if err != nil {
		t.Fatal(err)
	}
	answer := whole.Answer
	t.Run("octets", func(t *testing.T) {
		for i := 0; i < len(good); i += 31 {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			r, err := Check(bad, w.pins())
			at := max(0, bytes.LastIndex(good[:i], []byte(begin)))
			head, _, _ := bytes.Cut(good[at:], []byte("\n"))
			// A token carries certificates that its signature does not cover; what it says is the same.
			if token := bytes.HasSuffix(head, []byte(".tsr-----")); err == nil &&
				(!token || !reflect.DeepEqual(r.Answer, answer)) {
				t.Errorf("octet %d changed from %q to %q in %s: accepted", i, good[i], bad[i], head)
			}
		}
	})
	steady, err := Make(t.Context(), w.w.Log(), Question{Time: on(1001, 12), Certificate: w.subjects["steady"].cert},
		w.config())
	if err != nil {
		t.Fatal(err)
	}
	claimed := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	// Whoever forges a file writes text and answer that fit each other.
	for name, forge := range map[string]func(e *Evidence){
		"status then":             func(e *Evidence) { e.Answer.Then = Claim{Status: Good} },
		"status today":            func(e *Evidence) { e.Answer.Today = Verdict{Claim: Claim{Status: Good}} },
		"what a list says":        func(e *Evidence) { e.Answer.Sources[0].Says = Claim{Status: NotListed} },
		"date of revocation":      func(e *Evidence) { e.Answer.Sources[0].Says.Since = &claimed },
		"reason":                  func(e *Evidence) { e.Answer.Today.Reason = "superseded" },
		"time asked about":        func(e *Evidence) { e.Answer.Time = on(1100, 0) },
		"a fraction of a second":  func(e *Evidence) { e.Answer.Time = e.Answer.Time.Add(time.Millisecond) },
		"serial":                  func(e *Evidence) { e.Answer.Serial = "77" },
		"serial with zeros":       func(e *Evidence) { e.Answer.Serial = "00" + e.Answer.Serial },
		"issuer":                  func(e *Evidence) { e.Answer.Issuer = "root" },
		"subject":                 func(e *Evidence) { e.Answer.Subject = "CN=Other" },
		"expiry":                  func(e *Evidence) { e.Answer.NotAfter = &claimed },
		"no certificate":          func(e *Evidence) { e.remove("certificate.cer") },
		"another certificate":     func(e *Evidence) { e.replace("certificate.cer", steady.ending("certificate.cer")) },
		"foreign authority":       func(e *Evidence) { e.replace("authority-0.cer", w.tsaRoot.Raw) },
		"no authority":            func(e *Evidence) { e.remove("authority-0.cer"); e.remove("authority-1.cer") },
		"list left out":           func(e *Evidence) { e.Answer.Sources = e.Answer.Sources[1:] },
		"no sources":              func(e *Evidence) { e.Answer.Sources = nil },
		"list's bytes":            func(e *Evidence) { e.replace(".crl", w.sub.Raw) },
		"list not included":       func(e *Evidence) { e.Answer.Sources[0].Included = false },
		"bytes left out":          func(e *Evidence) { e.remove(".crl") },
		"response of another":     func(e *Evidence) { e.replace(".ocsp", steady.ending(".ocsp")) },
		"response left out":       func(e *Evidence) { e.remove(".ocsp") },
		"proof of another":        func(e *Evidence) { e.replace(".proof", steady.ending("2.proof")) },
		"proof left out":          func(e *Evidence) { e.remove(".proof") },
		"role":                    func(e *Evidence) { e.Answer.Sources[1].Role = RoleLast },
		"recorded earlier":        func(e *Evidence) { e.Answer.Sources[0].Recorded = on(1, 0) },
		"entry":                   func(e *Evidence) { e.Answer.Sources[0].Entry++ },
		"number":                  func(e *Evidence) { e.Answer.Sources[0].Number = "7" },
		"digest":                  func(e *Evidence) { e.Answer.Sources[0].SHA256 = strings.Repeat("0", 64) },
		"name":                    func(e *Evidence) { e.Answer.Sources[0].Name = "crl/other.crl" },
		"scope":                   func(e *Evidence) { e.Answer.Sources[0].Covers = false },
		"place in the master":     func(e *Evidence) { e.Answer.Sources[0].Master = "elsewhere" },
		"stamp earlier":           func(e *Evidence) { e.Answer.Sources[0].Stamped.Time = on(1, 0) },
		"stamp over another size": func(e *Evidence) { e.Answer.Sources[0].Stamped.Size-- },
		"stamp by other keys":     func(e *Evidence) { e.Answer.Sources[0].Stamped.Keys = w.keys.Keys() },
		"no stamp":                func(e *Evidence) { e.Answer.Sources[0].Stamped = nil },
		"token":                   func(e *Evidence) { e.replace(".tsr", []byte{0x30, 0}) },
		"head of the log":         func(e *Evidence) { e.Answer.Log.Size++ },
		"origin":                  func(e *Evidence) { e.Answer.Log.Origin = "other" },
		"checkpoint":              func(e *Evidence) { e.replace("log.checkpoint", []byte("x")) },
		"a part too many":         func(e *Evidence) { e.add("extra.txt", []byte("x")) },
		"schema":                  func(e *Evidence) { e.Answer.Schema = "seihon/status-evidence/v2" },
	} {
		t.Run(name, func(t *testing.T) {
			bad, err := Parse(good)
			if err != nil {
				t.Fatal(err)
			}
			forge(bad)
			if bytes.Equal(bad.Bytes(), good) {
				t.Fatal("nothing was changed")
			}
			_, err = Check(bad.Bytes(), w.pins())
			if err == nil {
				t.Fatal("accepted")
			}
			t.Log(err)
		})
	}
	t.Run("pins", func(t *testing.T) { otherPins(t, w, good) })
}

// otherPins are those of a reader who trusts somebody else.
func otherPins(t *testing.T, w *world, good []byte) {
	for name, change := range map[string]func(p *Pins){
		"keys of the log": func(p *Pins) { p.Log = w.oldKeys },
		"root":            func(p *Pins) { p.Anchors = p.Authorities[0].Anchors },
		"time-stamps":     func(p *Pins) { p.Authorities[0].Anchors = p.Anchors },
	} {
		p := w.pins()
		change(&p)
		if _, err := Check(good, p); err == nil {
			t.Errorf("another pin for %s: accepted", name)
		}
	}
}

// replace changes the first part whose name ends like this.
func (e *Evidence) replace(ending string, b []byte) {
	for i := range e.parts {
		if strings.HasSuffix(e.parts[i].name, ending) {
			e.parts[i].bytes = b
			return
		}
	}
}

func (e *Evidence) ending(ending string) []byte {
	for _, p := range e.parts {
		if strings.HasSuffix(p.name, ending) {
			return p.bytes
		}
	}
	return nil
}

func (e *Evidence) remove(ending string) {
	for i, p := range e.parts {
		if strings.HasSuffix(p.name, ending) {
			e.parts = append(e.parts[:i:i], e.parts[i+1:]...)
			return
		}
	}
}
