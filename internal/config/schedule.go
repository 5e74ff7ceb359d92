package config

import (
	"fmt"
	"time"
)

// schedule refuses validities and rhythms that cannot work together. Everything here is computed from the file alone:
// what a list or a response is worth when it is renewed at the last moment that the file allows.
func (v *validator) schedule(c *Config) {
	for i := range c.Issuers {
		is, path := &c.Issuers[i], fmt.Sprintf("issuers[%d]", i)
		if is.CRL != nil {
			v.shelfLife(c.Signer, path+".crl", is.CRL.Validity, is.CRL.Refresh)
		}
		if is.ARL != nil {
			v.shelfLife(c.Signer, path+".arl", is.ARL.Validity, is.ARL.Refresh)
		}
		if is.OCSP != nil {
			v.shelfLife(c.Signer, path+".ocsp", is.OCSP.Validity, is.OCSP.Refresh)
			v.responderValidity(path+".ocsp.responder.validity", is)
		}
		if is.Validity > 0 && is.CRL != nil && is.CRL.Validity >= is.Validity {
			v.add(path+".crl.validity",
				"is %v, must be shorter than the validity of the issuer's certificate (%v): nobody can check a list "+
					"that outlives its issuer",
				is.CRL.Validity, is.Validity)
		}
		v.within(c, path, is)
	}
	v.clockJump(c)
}

// clockJump: the log gets no entry between two signatures, so a bound that is not longer refuses the clock of every
// run.
func (v *validator) clockJump(c *Config) {
	if c.Signer == nil || c.Signer.MaxClockJump <= 0 {
		return
	}
	soonest := Duration(0)
	for i := range c.Issuers {
		is := &c.Issuers[i]
		var all []Duration
		if is.CRL != nil && !is.External() {
			all = append(all, is.CRL.Refresh)
		}
		if is.ARL != nil && !is.External() {
			all = append(all, is.ARL.Refresh)
		}
		if is.OCSP != nil && !is.OCSP.External() {
			all = append(all, is.OCSP.Refresh)
		}
		for _, refresh := range all {
			if refresh > 0 && (soonest == 0 || refresh < soonest) {
				soonest = refresh
			}
		}
	}
	if longest := soonest + c.Signer.Rhythm; soonest > 0 && c.Signer.MaxClockJump <= longest {
		v.add("signer.max_clock_jump",
			"is %v, must be longer than the time without a signature (%v): the clock of every run would be refused",
			c.Signer.MaxClockJump, longest)
	}
}

// within refuses certificates that would outlive the one that they are checked with: the room would cut them, and
// nobody would have what the file promises.
func (v *validator) within(c *Config, path string, is *Issuer) {
	if parent := c.Issuer(is.Parent); parent != nil && parent.Validity > 0 && is.Validity > parent.Validity {
		v.add(path+".validity",
			"is %v, must not be longer than the validity of %s (%v), which signs it: nobody can check a certificate "+
				"that outlives its issuer",
			is.Validity, parent.Name, parent.Validity)
	}
	if is.Subscribers != nil && is.Validity > 0 && is.Subscribers.Validity > is.Validity {
		v.add(path+".subscribers.validity",
			"is %v, must not be longer than the validity of the issuer's certificate (%v)", is.Subscribers.Validity,
			is.Validity)
	}
}

// responderValidity: the room renews an OCSP signer when twice the validity of a response is left of its certificate. A
// shorter certificate is due again as soon as it is issued, and every run would issue another one.
func (v *validator) responderValidity(path string, is *Issuer) {
	r := is.OCSP.Responder
	if r == nil {
		return
	}
	if r.Validity <= 2*is.OCSP.Validity {
		v.add(path,
			"is %v, must be longer than twice the validity of its responses (2 × %v): every run would issue another "+
				"certificate",
			r.Validity, is.OCSP.Validity)
	}
	if is.Validity > 0 && r.Validity > is.Validity {
		v.add(path, "is %v, must not be longer than the validity of the issuer's certificate (%v)", r.Validity,
			is.Validity)
	}
}

// shelfLife is what is left of a list or a response when its renewal is late: a run may come the whole rhythm after the
// moment of renewal, and then nobody may come for the whole absence.
func (v *validator) shelfLife(s *Signer, path string, validity, refresh Duration) {
	if s == nil || refresh <= 0 || refresh >= validity {
		return // said already
	}
	left := validity - refresh - s.Rhythm
	if s.Rhythm > 0 && left <= 0 {
		v.add(path+".refresh",
			"is %v, must be shorter than validity less signer.rhythm (%v - %v): it would expire before the run that "+
				"renews it",
			refresh, validity, s.Rhythm)
		return
	}
	if s.Absence > 0 && left < s.Absence {
		v.add(path+".validity",
			"is %v; renewed every %v and looked at every %v, it lasts %v without the room, less than "+
				"signer.absence (%v)",
			validity, refresh, s.Rhythm, left, s.Absence)
	}
}

// rhythm checks the two figures that the file says of the room itself.
func (v *validator) rhythm(s *Signer) {
	if s.Rhythm < 0 || s.Rhythm > Duration(30*24*time.Hour) {
		v.add("signer.rhythm", "is %v, must be 0 (not said) to 30d", s.Rhythm)
	}
	if s.Absence < 0 {
		v.add("signer.absence", "is %v, must not be negative", s.Absence)
	}
	if s.MaxClockJump < 0 || s.MaxClockJump > 0 && s.MaxClockJump < max(s.Rhythm, s.Absence) {
		v.add("signer.max_clock_jump", "is %v, must be 0 (not checked) or at least signer.rhythm and signer.absence",
			s.MaxClockJump)
	}
}

// clock checks how a second clock is read.
func (v *validator) clock(k *Clock) {
	if k == nil {
		return
	}
	if k.File == "" {
		v.add("signer.clock.file", "is empty; name the file into which the room writes what its second clock says")
	}
	if k.Tolerance < Duration(time.Second) || k.Tolerance > Duration(time.Hour) {
		v.add("signer.clock.tolerance", "is %v, must be 1s to 1h", k.Tolerance)
	}
	if k.MaxAge < k.Tolerance || k.MaxAge > Duration(7*24*time.Hour) {
		v.add("signer.clock.max_age", "is %v, must be signer.clock.tolerance to 7d", k.MaxAge)
	}
}

// probe checks the rhythm of the samples: a slot of the record of operation is as long.
func (v *validator) probe(p Probe) {
	if d := p.Every.Std(); d < 10*time.Second || d > 24*time.Hour || d%time.Second != 0 {
		v.add("probe.every", "is %v, must be whole seconds from 10s to 1d", p.Every)
	}
}
