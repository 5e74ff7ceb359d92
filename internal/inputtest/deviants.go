package inputtest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"time"
)

// Of is the CA with that certificate and key.
func Of(cert *x509.Certificate, key *ecdsa.PrivateKey) *CA {
	return &CA{Cert: cert, key: key, name: cert.RawSubject}
}

// A Deviant is a list or a response that the CA signed at a moment and that says what an RFC forbids.
type Deviant struct {
	Name string
	DER  []byte
	Says string // what the finding about it must say
}

// DeviantLists are lists that were signed an hour before now, with the entries given beside the wrong one.
func DeviantLists(ca *CA, now time.Time, beside ...Entry) []Deviant {
	this := now.Add(-time.Hour)
	var all []Deviant
	add := func(name, says string, change func(*List), wrong ...Entry) {
		l := List{This: Time(this), Next: Time(this.Add(3 * day)), Entries: append(wrong, beside...)}
		for i := range l.Entries {
			if l.Entries[i].Time == nil {
				l.Entries[i].Time = Time(this.Add(-day))
			}
		}
		if change != nil {
			change(&l)
		}
		all = append(all, Deviant{name, ca.List(l), says})
	}
	twice := Integer([]byte{0x21})
	add("the same serial twice with different reasons",
		"serial number 21 is listed twice, with different reasons or dates", nil,
		Entry{Serial: twice, Extensions: Reason(1)}, Entry{Serial: twice, Extensions: Reason(5)})
	add("the same serial twice", "serial number 21 is listed twice", nil, Entry{Serial: twice}, Entry{Serial: twice})
	add("a GeneralizedTime before 2050 in an entry",
		"the revocation date of serial number 21 is a GeneralizedTime before 2050", nil,
		Entry{Serial: twice, Time: Generalized(this.Add(-day))})
	add("a GeneralizedTime before 2050 as thisUpdate", "its thisUpdate or nextUpdate is a GeneralizedTime before 2050",
		func(l *List) { l.This = Generalized(this) })
	add("a GeneralizedTime before 2050 as nextUpdate", "its thisUpdate or nextUpdate is a GeneralizedTime before 2050",
		func(l *List) { l.Next = Generalized(this.Add(3 * day)) })
	add("a revocation date in the future", "serial number 21 is revoked at", nil,
		Entry{Serial: twice, Time: Time(now.Add(day))})
	for _, v := range oddSerials() {
		add(v.name, v.why, nil, Entry{Serial: v.der})
	}
	return all
}

// DeviantResponses are responses that were signed an hour before now; serial is the one of the good answer beside the
// wrong one, and sha1 says by which hash they name it.
func DeviantResponses(ca *CA, now time.Time, serial []byte, sha1 bool) []Deviant {
	this, content := now.Add(-time.Hour), fmt.Sprintf("%x", serial)
	var all []Deviant
	add := func(name, says string, produced time.Time, singles ...Single) {
		for i := range singles {
			s := &singles[i]
			s.SHA1 = s.SHA1 != sha1
			if s.Serial == nil {
				s.Serial = Integer(serial)
			}
			if s.This == nil {
				s.This = Generalized(this)
			}
			s.Next = explicit(0, Generalized(this.Add(3*day)))
		}
		all = append(all, Deviant{name, ca.Response(Response{Produced: Generalized(produced), Singles: singles}), says})
	}
	revoked := Single{Status: Revoked(Generalized(this.Add(-day)), 1)}
	other := revoked
	other.SHA1 = true
	add("good and revoked for one CertID", "it says two things of serial number "+content, this, Single{}, revoked)
	add("good and revoked under two hashes", "it says two things of serial number "+content, this, Single{}, other)
	add("producedAt in the future", "its producedAt", now.Add(day), Single{})
	add("a revocation time in the future", "serial number "+content+" is revoked at", this,
		Single{Status: Revoked(Generalized(now.Add(day)), 1)})
	add("an answer newer than its response", "is after its producedAt", this, Single{This: Generalized(now)})
	for _, v := range oddSerials() {
		add(v.name, v.why, this, Single{}, Single{Serial: v.der})
	}
	return all
}

// oddSerials are the ones of RFC 5280 section 4.1.2.2, with what is to be said of them.
func oddSerials() []value {
	return []value{
		{"serial 0", Integer([]byte{0}), false, "serial number 00 is zero"},
		{"a negative serial", Integer([]byte{0xff}), false, "serial number ff is negative"},
		{"a serial of 21 octets", Integer(octets(0x7f, 21)), false, "has 21 octets, more than 20"},
		{"a serial of 22 octets", Integer(octets(0x7f, 22)), false, "has 22 octets, more than 20"},
	}
}
