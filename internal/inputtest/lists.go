package inputtest

import (
	"fmt"
	"time"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A ListCase is a list, judged at two doors: publication, and the import of its revocations.
type ListCase struct {
	Case
	Import bool // whether its entries may be taken over
}

// listCases collects cases.
type listCases struct {
	ca  *CA
	all []ListCase
}

func (c *listCases) add(name string, l List, accept bool, why string) {
	c.addBoth(name, l, accept, accept, why)
}

func (c *listCases) addBoth(name string, l List, accept, imports bool, why string) {
	c.all = append(c.all, ListCase{Case{name, c.ca.List(l), accept, why}, imports})
}

// Lists returns the cases of lists.
func Lists(ca *CA) []ListCase {
	c := &listCases{ca: ca}
	one := []Entry{{}}
	c.add("list: plain", List{Entries: one}, true, "")
	c.add("list: without entries", List{}, true, "RFC 5280 5.1.2.6: absent when nothing is revoked")
	c.fields(one)
	c.scopes(one)
	c.entries()
	c.doubles()
	return c.all
}

// fields varies what a list says of itself.
func (c *listCases) fields(one []Entry) {
	c.add("list: version 1", List{Version: []byte{}, NoNumber: true, Entries: one}, false,
		"RFC 5280 5.1.2.1: version 2, since it has extensions")
	c.add("list: version field 0", List{Version: Integer([]byte{0}), Entries: one}, false, "RFC 5280 5.1.2.1")
	c.add("list: version field 2", List{Version: Integer([]byte{2}), Entries: one}, false, "RFC 5280 5.1.2.1")
	for _, v := range names(c.ca.Cert.Subject.CommonName) {
		c.add(label("list issuer", v.name), List{Issuer: v.der, Entries: one}, v.accept, v.why)
	}
	for _, v := range brokenTimes() {
		c.add(label("thisUpdate", v.name), List{This: v.der, Entries: one}, false, v.why)
		c.add(label("nextUpdate", v.name), List{Next: v.der, Entries: one}, false, v.why)
	}
	early := "RFC 5280 5.1.2.4: UTCTime through 2049"
	// The old list of a CA says what it says: its revocations are taken over in whatever form the dates are.
	c.addBoth("thisUpdate: GeneralizedTime before 2050", List{This: Generalized(Now.Add(-time.Hour)), Entries: one},
		false, true, early)
	c.addBoth("nextUpdate: GeneralizedTime before 2050", List{Next: Generalized(Now.Add(day)), Entries: one}, false,
		true, early)
	c.add("nextUpdate: the end of time", List{Next: generalized("99991231235959Z"), Entries: one}, true,
		"RFC 5280 4.1.2.5: no well-defined end; the last list of a CA")
	c.addBoth("nextUpdate: absent", List{Next: []byte{}, Entries: one}, false, true, "RFC 5280 5.1.2.5: required")
	c.addBoth("nextUpdate: the second of thisUpdate", List{This: Time(midnight), Next: Time(midnight), Entries: one},
		false, true, "valid for no time")
	c.addBoth("nextUpdate: before thisUpdate",
		List{This: Time(midnight), Next: Time(midnight.Add(-time.Second)), Entries: one}, false, true,
		"valid for no time")
	c.addBoth("nextUpdate: passed",
		List{This: Time(Now.Add(-3 * day)), Next: Time(Now.Add(-time.Second)), Entries: one}, false, true, "stale")
	c.add("thisUpdate: now", List{This: Time(Now), Entries: one}, true, "")
	c.add("thisUpdate: in the future", List{This: Time(Now.Add(6 * time.Minute)), Entries: one}, false,
		"not yet in force")
	for _, v := range []value{
		{"0", Integer([]byte{0}), true, "RFC 5280 5.2.3: INTEGER (0..MAX)"},
		{"0x0100", Integer([]byte{1, 0}), true, ""},
		{"20 octets", Integer(octets(0x7f, 20)), true, "RFC 5280 5.2.3: up to 20 octets"},
		{"21 octets", Integer(octets(0x7f, 21)), false, "RFC 5280 5.2.3"},
		{"-1", Integer([]byte{0xff}), false, "RFC 5280 5.2.3: (0..MAX)"},
		{"1 in two octets", Integer([]byte{0, 1}), false, "X.690 8.3.2"},
		{"text", bytes(cbasn1.UTF8String, []byte("7")), false, "an INTEGER"},
		{"empty", []byte{}, false, "an INTEGER"},
		{"followed by something", append(Integer([]byte{7}), 5, 0), false, "one INTEGER"},
	} {
		c.add(label("CRL number", v.name), List{Number: v.der, Entries: one}, v.accept, v.why)
	}
	c.addBoth("CRL number: absent", List{NoNumber: true, Entries: one}, false, true, "RFC 5280 5.2.3: required")
	for _, v := range extensions() {
		c.add(label("list extension", v.name), List{Extensions: [][]byte{v.der}, Entries: one}, v.accept, v.why)
	}
	twice := Extension(oidUnknown, false, []byte{5, 0})
	c.add("list extension: twice", List{Extensions: [][]byte{twice, twice}, Entries: one}, false,
		"RFC 5280 4.2: one instance")
}

// scopes varies the issuing distribution point and the delta indicator.
func (c *listCases) scopes(one []Entry) {
	yes := []byte{0xff}
	user, ca, indirect, attribute := primitive(1, yes), primitive(2, yes), primitive(4, yes), primitive(5, yes)
	reasons := primitive(3, []byte{1, 0x40})
	name := explicit(0, explicit(0, primitive(6, []byte("http://pki.example/a.crl"))))
	add := func(what string, critical, accept, imports bool, why string, parts ...[]byte) {
		c.addBoth("distribution point: "+what,
			List{Extensions: [][]byte{Extension(oidIDP, critical, seq(parts...))}, Entries: one}, accept, imports, why)
	}
	const mustCritical = "RFC 5280 5.2.5: critical"
	add("a name", true, true, true, "", name)
	add("a name, not critical", false, false, true, mustCritical, name)
	add("user certificates", true, true, true, "", user)
	add("user certificates, not critical", false, false, true, mustCritical, user)
	add("CA certificates", true, true, true, "", ca)
	add("user and CA certificates", true, false, false, "RFC 5280 5.2.5: at most one, both leave nothing", user, ca)
	add("attribute certificates", true, false, false, "RFC 5280 5.2.5: not of public key certificates", attribute)
	add("indirect", true, false, false, "RFC 5280 5.2.5: speaks of other CAs' certificates", indirect)
	add("indirect with a name", true, false, false, "RFC 5280 5.2.5", name, indirect)
	add("some reasons", true, true, false, "RFC 5280 5.2.5: legal, and not the whole truth", reasons)
	add("nothing", true, false, false, "RFC 5280 5.2.5: never an empty sequence")
	add("FALSE written out", true, false, false, "X.690 11.5", primitive(1, []byte{0}))
	add("a BER TRUE", true, false, false, "X.690 11.1", primitive(1, []byte{1}))
	add("fields in the wrong order", true, false, false, "X.690: a SEQUENCE", ca, user)
	add("an unknown field", true, false, false, "RFC 5280 5.2.5", primitive(6, yes))
	delta := func(what string, critical bool, base []byte, accept bool, why string) {
		c.addBoth("delta: "+what, List{Extensions: [][]byte{Extension(oidDelta, critical, base)}, Entries: one}, accept,
			false, why)
	}
	delta("to the list before", true, Integer([]byte{6}), true, "publishable, but no complete list")
	delta("not critical", false, Integer([]byte{6}), false, "RFC 5280 5.2.4: critical")
	delta("to itself", true, Integer([]byte{7}), false, "RFC 5280 5.2.4")
	delta("to a later list", true, Integer([]byte{8}), false, "RFC 5280 5.2.4")
	delta("to a negative number", true, Integer([]byte{0xff}), false, "RFC 5280 5.2.4: a CRLNumber")
}

// entries varies one line.
func (c *listCases) entries() {
	add := func(name string, e Entry, accept bool, why string) {
		c.add(name, List{Entries: []Entry{e}}, accept, why)
	}
	for _, v := range serials() {
		add(label("entry", v.name), Entry{Serial: v.der}, v.accept, v.why)
	}
	for _, v := range brokenTimes() {
		add(label("revocation date", v.name), Entry{Time: v.der}, false, v.why)
		add(label("invalidity date", v.name), Entry{Extensions: [][]byte{Extension(oidInvalidity, false, v.der)}},
			false, v.why)
	}
	this := Now.Add(-time.Hour)
	add("revocation date: the second of thisUpdate", Entry{Time: Time(this)}, true, "")
	add("revocation date: five minutes later", Entry{Time: Time(this.Add(5 * time.Minute))}, true, "two clocks")
	c.addBoth("revocation date: after thisUpdate",
		List{Entries: []Entry{{Time: Time(this.Add(5*time.Minute + time.Second))}}}, false, true,
		"RFC 5280 5.1.2.6: announced, not done")
	add("revocation date: in the future", Entry{Time: Time(Now.Add(day))}, false, "RFC 5280 5.1.2.6")
	c.addBoth("revocation date: GeneralizedTime before 2050", List{Entries: []Entry{{Time: Generalized(this)}}}, false,
		true, "RFC 5280 5.1.2.6")
	c.addBoth("revocation date: 1970", List{Entries: []Entry{{Time: utc("700101000000Z")}}}, true, false,
		"legal; a sentinel to whoever imports it")
	c.addBoth("revocation date: 1950", List{Entries: []Entry{{Time: utc("500101000000Z")}}}, true, false,
		"legal; before there were certificates")
	add("invalidity date: GeneralizedTime",
		Entry{Extensions: [][]byte{Extension(oidInvalidity, false, Generalized(this.Add(-day)))}}, true,
		"RFC 5280 5.3.2")
	add("invalidity date: critical", Entry{Extensions: [][]byte{Extension(oidInvalidity, true,
		Generalized(this.Add(-day)))}}, true, "understood, so it may be")
	add("invalidity date: UTCTime", Entry{Extensions: [][]byte{Extension(oidInvalidity, false, UTC(this))}}, false,
		"RFC 5280 5.3.2: GeneralizedTime")
	for r := range 13 {
		accept := r <= 10 && r != 7 && r != 8
		why := "RFC 5280 5.3.1"
		if r == 8 {
			why = "RFC 5280 5.3.1: removeFromCRL is for delta lists"
		}
		add(fmt.Sprintf("reason %d", r),
			Entry{Extensions: [][]byte{Extension(oidReason, false, bytes(cbasn1.ENUM, []byte{byte(r)}))}}, accept, why)
	}
	add("reason -1", Entry{Extensions: [][]byte{Extension(oidReason, false, bytes(cbasn1.ENUM, []byte{0xff}))}}, false,
		"RFC 5280 5.3.1")
	add("reason as INTEGER", Entry{Extensions: [][]byte{Extension(oidReason, false, Integer([]byte{1}))}}, false,
		"RFC 5280 5.3.1: ENUMERATED")
	add("reason critical", Entry{Extensions: [][]byte{Extension(oidReason, true, bytes(cbasn1.ENUM, []byte{1}))}}, true,
		"RFC 5280 5.3.1: should not be, and is understood")
	add("reason in two octets",
		Entry{Extensions: [][]byte{Extension(oidReason, false, bytes(cbasn1.ENUM, []byte{0, 1}))}}, false,
		"X.690 8.3.2")
	issuer := seq(explicit(4, Name(UTF8, "Other CA")))
	add("certificate issuer", Entry{Extensions: [][]byte{Extension(oidEntryIssuer, true, issuer)}}, false,
		"RFC 5280 5.3.3: of an indirect list")
	add("certificate issuer, not critical", Entry{Extensions: [][]byte{Extension(oidEntryIssuer, false, issuer)}},
		false, "RFC 5280 5.3.3: means the same")
	for _, v := range extensions() {
		add(label("entry extension", v.name), Entry{Extensions: [][]byte{v.der}}, v.accept, v.why)
	}
}

// Reason is the extensions of an entry with that reason code.
func Reason(r byte) [][]byte {
	return [][]byte{Extension(oidReason, false, bytes(cbasn1.ENUM, []byte{r}))}
}

// doubles are two lines about one certificate, and lines in odd orders.
func (c *listCases) doubles() {
	a, b := Integer([]byte{1}), Integer([]byte{2})
	c.addBoth("twice: the same line", List{Entries: []Entry{{Serial: a}, {Serial: a}}}, false, true,
		"says nothing new; a broken list-maker")
	c.add("twice: with different reasons",
		List{Entries: []Entry{{Serial: a, Extensions: Reason(1)}, {Serial: a, Extensions: Reason(5)}}}, false,
		"contradicts itself")
	c.add("twice: with different dates", List{Entries: []Entry{{Serial: a}, {Serial: a, Time: Time(midnight)}}}, false,
		"contradicts itself")
	c.add("twice: with one between",
		List{Entries: []Entry{{Serial: a}, {Serial: b}, {Serial: a, Extensions: Reason(4)}}}, false,
		"contradicts itself")
	c.add("entries in descending order", List{Entries: []Entry{{Serial: b}, {Serial: a}}}, true,
		"RFC 5280 asks for no order")
	many := make([]Entry, 300)
	for i := range many {
		many[i].Serial = Integer([]byte{1, byte(255 - i%256), byte(i / 256)})
	}
	c.add("300 entries in no order", List{Entries: many}, true, "")
	c.add("300 entries, one of them twice",
		List{Entries: append(many, Entry{Serial: many[7].Serial, Extensions: Reason(1)})}, false, "contradicts itself")
}
