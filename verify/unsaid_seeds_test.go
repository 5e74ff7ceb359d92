package verify_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/verify"
	"seihon/verify/report"
)

// unsaidSeeds is how many seeds a unit run plays; see unsaid_long_test.go for longer ones.
var unsaidSeeds uint64 = 150

// A past is one seed's repository: what a room did, lawful or not, and what became of the public copy.
type past struct {
	*repo
	rng      *rand.Rand
	pinned   ed25519.PrivateKey
	stranger ed25519.PrivateKey
	did      []string
	unsaid   bool // something that was said is not said any more, and nothing allows it
}

// pick returns a revoked certificate, or one that is good.
func (p *past) pick(revoked bool) (int64, bool) {
	var of []int64
	for _, s := range p.serials {
		if _, is := p.revoked[s]; is == revoked {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return 0, false
	}
	return of[p.rng.IntN(len(of))], true
}

func hexSerial(s int64) string { return fmt.Sprintf("%x", big.NewInt(s)) }

// A deed is what a room does on one day. A deed of one that was lied to, or broken into, and signed all the same, is
// unlawful; it is for certificates that were revoked.
type deed struct {
	name     string
	unlawful bool
	do       func(p *past, s int64)
}

var deeds = []deed{
	{"nothing new", false, func(p *past, _ int64) { p.another() }},
	{"a revocation", false, func(p *past, _ int64) {
		if s, ok := p.pick(false); ok {
			p.revoked[s] = p.now
		}
		p.another()
	}},
	{"a certificate", false, func(p *past, _ int64) {
		p.serials = append(slices.Clone(p.serials), 200+p.number)
		p.another()
	}},
	{"an expiry", false, func(p *past, s int64) {
		p.another()
		p.expiry("sub", hexSerial(s), p.now.Add(-time.Minute))
		p.gone(s)
		p.another()
	}},
	{"an override", false, func(p *past, s int64) {
		p.permit(p.pinned, hexSerial(s), revokedText(p.revoked[s], 1), "good")
		p.without(s)
		p.another()
	}},
	{"yesterday's inventory", true, func(p *past, s int64) { p.without(s); p.another() }},
	{"a deleted row", true, func(p *past, s int64) { p.gone(s); p.another() }},
	{"an edited date", true, func(p *past, s int64) {
		p.revoked[s] = p.revoked[s].Add(-time.Duration(1+p.rng.IntN(1000)) * time.Minute)
		p.another()
	}},
	{"forgotten for a day", true, func(p *past, s int64) {
		at := p.revoked[s]
		p.without(s)
		p.another()
		p.revoked[s] = at
		p.another()
	}},
	{"forgotten by the list alone", true, func(p *past, s int64) {
		p.subList = func(l *list) {
			l.revoked = maps.Clone(l.revoked)
			delete(l.revoked, s)
		}
		p.another()
		p.subList = nil
	}},
	{"another reason in the list", true, func(p *past, _ int64) {
		p.subList = func(l *list) { l.reason = []int{3, 4, 5}[p.rng.IntN(3)] }
		p.another()
		p.subList = nil
	}},
	{"a narrower list", true, func(p *past, _ int64) {
		user := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true,
			Value: []byte{0x30, 3, 0x81, 1, 0xff}}
		p.subList = func(l *list) { l.exts = []pkix.Extension{user} }
		p.another()
		p.subList = nil
	}},
	{"answered good", true, func(p *past, s int64) {
		p.respond = func(serial int64, h crypto.Hash, der []byte) []byte {
			if serial != s {
				return der
			}
			return respond(p.sub, p.delegate, h, s, time.Time{}, p.now, p.now.Add(72*time.Hour))
		}
		p.another()
		p.repo.respond = nil
	}},
	{"not answered any more", true, func(p *past, s int64) {
		p.respond = func(serial int64, _ crypto.Hash, der []byte) []byte {
			if serial == s {
				return nil
			}
			return der
		}
		p.another()
		p.repo.respond = nil
	}},
	{"an override by a stranger", true, func(p *past, s int64) {
		p.permit(p.stranger, hexSerial(s), revokedText(p.revoked[s], 1), "good")
		p.without(s)
		p.another()
	}},
	{"an override for another date", true, func(p *past, s int64) {
		p.permit(p.pinned, hexSerial(s), revokedText(p.revoked[s].Add(time.Second), 1), "good")
		p.without(s)
		p.another()
	}},
	{"an expiry stated too late", true, func(p *past, s int64) {
		at := p.now.Add(24*time.Hour - time.Minute)
		p.another()
		p.gone(s)
		p.another()
		p.expiry("sub", hexSerial(s), at)
	}},
	{"an expiry that is to come", true, func(p *past, s int64) {
		p.expiry("sub", hexSerial(s), p.now.AddDate(1, 0, 0))
		p.gone(s)
		p.another()
	}},
}

// live does one to three deeds; half of the rooms are honest.
func (p *past) live() {
	honest := p.rng.IntN(2) == 0
	for range 1 + p.rng.IntN(3) {
		d := deeds[p.rng.IntN(len(deeds))]
		for honest && d.unlawful {
			d = deeds[p.rng.IntN(len(deeds))]
		}
		s, any := p.pick(true)
		if !any && (d.unlawful || strings.HasPrefix(d.name, "an ")) {
			continue
		}
		d.do(p, s)
		p.did, p.unsaid = append(p.did, d.name), p.unsaid || d.unlawful
	}
	if len(p.did) == 0 {
		p.another()
	}
}

// handled is what can happen to a public copy. Each returns false when it found nothing to do.
var handled = []struct {
	name string
	do   func(p *past, older string) bool
}{
	{"a bit", func(p *past, _ string) bool {
		name := p.published1()
		b := read(p.public(), name)
		if len(b) == 0 {
			return false
		}
		b = slices.Clone(b)
		b[p.rng.IntN(len(b))] ^= 1 << p.rng.IntN(8)
		write(p.public(), name, b)
		return true
	}},
	{"cut off", func(p *past, _ string) bool {
		name := p.published1()
		b := read(p.public(), name)
		if len(b) == 0 {
			return false
		}
		write(p.public(), name, b[:p.rng.IntN(len(b))])
		return true
	}},
	{"longer", func(p *past, _ string) bool {
		name := p.published1()
		write(p.public(), name, append(slices.Clone(read(p.public(), name)), "\n"...))
		return true
	}},
	{"deleted", func(p *past, _ string) bool {
		check(os.Remove(filepath.Join(p.public(), p.published1())))
		return true
	}},
	{"the version of an older day", func(p *past, older string) bool {
		name := []string{"crl/sub.crl", "crl/root-arl.crl", "ocsp/sub.generation", "ocsp/root.generation",
			"log/checkpoint"}[p.rng.IntN(5)]
		b := read(older, name)
		if bytes.Equal(b, read(p.public(), name)) {
			return false
		}
		write(p.public(), name, b)
		return true
	}},
	{"all of an older day", func(p *past, older string) bool {
		check(os.RemoveAll(p.public()))
		copyTree(older, p.public())
		return true
	}},
	{"two exchanged", func(p *past, _ string) bool {
		a, b := p.published1(), p.published1()
		x, y := read(p.public(), a), read(p.public(), b)
		if bytes.Equal(x, y) {
			return false
		}
		write(p.public(), a, y)
		write(p.public(), b, x)
		return true
	}},
	{"something else", func(p *past, _ string) bool {
		b := make([]byte, 1+p.rng.IntN(1000))
		for i := range b {
			b[i] = byte(p.rng.Uint32())
		}
		write(p.public(), []string{"notes", "crl/other.crl", ".hidden", "cert/x.cer", "log/tile/1/000"}[p.rng.IntN(5)],
			b)
		return true
	}},
}

// published1 picks a file that a copy of today must have.
func (p *past) published1() string {
	var names []string
	log := p.writer.Log()
	for line := range must(log.Replay(context.Background(), log.Size())).All() {
		names = append(names, line.Name)
	}
	for f, err := range log.PublicFiles(context.Background(), 0, log.Size()) {
		check(err)
		if !strings.Contains(f.Name, ".p/") || strings.HasSuffix(f.Name, fmt.Sprintf(".p/%d", log.Size()%256)) {
			names = append(names, f.Name)
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(append(names, "log/checkpoint"))))
	return names[p.rng.IntN(len(names))]
}

// play does one seed and returns what is wrong with the report.
func playUnsaid(t *testing.T, seed uint64) (outcome, problem string) {
	p := &past{repo: newRepo(t), rng: rand.New(rand.NewPCG(seed, 14))}
	key := func(b byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
	}
	p.pinned, p.stranger = key(1), key(2)
	config := p.config()
	config.OverrideKeys = []ed25519.PublicKey{p.pinned.Public().(ed25519.PublicKey)}
	if p.rng.IntN(2) == 0 {
		config.Known = [][]byte{p.writer.Log().Checkpoint()}
		p.did = append(p.did, "known")
	}
	older := filepath.Join(p.dir, "older")
	copyTree(p.public(), older)
	p.live()
	p.publish(p.public())
	touched := false
	if p.rng.IntN(2) == 0 {
		h := handled[p.rng.IntN(len(handled))]
		touched = h.do(p, older)
		p.did = append(p.did, "copy: "+h.name)
	}
	checked, err := verify.Check(t.Context(), config)
	if err != nil {
		return "", fmt.Sprintf("%q: %v", p.did, err)
	}
	memory, worst := 0, 9
	for _, f := range checked.Findings {
		if f.Severity == report.Critical &&
			(strings.HasPrefix(f.Code, "memory-") || strings.HasPrefix(f.Code, "override-")) {
			memory++
		}
		worst = min(worst,
			slices.Index([]report.Severity{report.Critical, report.Error, report.Warning, report.Note}, f.Severity))
	}
	switch {
	case p.unsaid && memory == 0:
		problem = "what was unsaid is not called critical"
	case touched && worst > 2:
		problem = "the copy is not what the master says, and nothing is found"
	case !p.unsaid && !touched && worst < 2:
		problem = "a false alarm"
	case !p.unsaid && memory > 0:
		problem = "a false alarm about what was said"
	default:
		return fmt.Sprintf("unsaid %v, copy touched %v", p.unsaid, touched), ""
	}
	return "", fmt.Sprintf("%q: %s: %v", p.did, problem, codesOf(checked))
}

// TestNothingUnsaidPasses plays rooms that went on past every check of theirs, and public copies that somebody handled.
// Whatever was said once and is not any more is critical, with the auditor's checkpoint and without; whatever was not
// touched is in order. A failing seed is printed.
func TestNothingUnsaidPasses(t *testing.T) {
	t.Parallel()
	outcomes := make([]string, unsaidSeeds)
	t.Run("seeds", func(t *testing.T) {
		for seed := range unsaidSeeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				outcome, problem := playUnsaid(t, seed)
				if problem != "" {
					t.Errorf("seed %d: %s", seed, problem)
				}
				outcomes[seed] = outcome
			})
		}
	})
	count := map[string]int{}
	for _, o := range outcomes {
		count[o]++
	}
	t.Logf("of %d seeds: %v", unsaidSeeds, count)
	if !t.Failed() && len(count) != 4 {
		t.Errorf("one kind of outcome never came: %v", count)
	}
}
