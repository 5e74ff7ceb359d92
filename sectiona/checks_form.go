package sectiona

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"seihon/artifact"
)

// entries explains what is wrong with a line of a list, or returns "". Relying parties read a wrong line in different ways, and
// two lines about one certificate contradict each other.
func (p *Policy) entries(l *artifact.RevocationList) string {
	ascending := true
	var last []byte
	for e, err := range l.Entries() {
		if err != nil {
			return err.Error()
		}
		switch {
		case p.oddSerial(e.Serial) != "":
			return p.oddSerial(e.Serial)
		case e.EarlyGeneralized:
			return fmt.Sprintf("the revocation date of serial number %x is a GeneralizedTime before 2050, which must be a UTCTime (RFC 5280 section 5.1.2.6)", e.Serial)
		case e.Reason == removeFromCRL && l.BaseNumber == nil:
			return fmt.Sprintf("serial number %x is listed with reason removeFromCRL, which is for delta lists (RFC 5280 section 5.3.1)", e.Serial)
		case e.Time.After(l.ThisUpdate.Add(skew)):
			return fmt.Sprintf("serial number %x is revoked at %s, after the list's own thisUpdate %s", e.Serial,
				e.Time.Format(time.RFC3339), l.ThisUpdate.Format(time.RFC3339))
		}
		ascending = ascending && bytes.Compare(last, e.Serial) < 0
		last = e.Serial
	}
	if ascending { // by their octets, as a database sorts them: none comes twice
		return ""
	}
	if serial := listedTwice(l); serial != nil {
		return fmt.Sprintf("serial number %x is listed twice", serial)
	}
	return ""
}

// removeFromCRL is the reason code of RFC 5280 section 5.3.1 by which a delta list takes an entry off.
const removeFromCRL = 8

// listedTwice returns a serial number that stands on the list twice, or nil. It holds eight octets for each entry: only among
// those whose hash comes twice can there be one.
func listedTwice(l *artifact.RevocationList) []byte {
	seed := maphash.MakeSeed()
	var hashes []uint64
	for e := range l.Entries() {
		hashes = append(hashes, maphash.Bytes(seed, e.Serial))
	}
	slices.Sort(hashes)
	twice := map[uint64]bool{}
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			twice[hashes[i]] = true
		}
	}
	if len(twice) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for e := range l.Entries() {
		if !twice[maphash.Bytes(seed, e.Serial)] {
			continue
		}
		if seen[string(e.Serial)] {
			return e.Serial
		}
		seen[string(e.Serial)] = true
	}
	return nil
}

// oddSerial explains why no certificate should have a serial number, or returns "".
func (p *Policy) oddSerial(serial []byte) string {
	what := ""
	switch {
	case len(serial) > 20:
		what = fmt.Sprintf("has %d octets, more than 20", len(serial))
	case len(serial) == 1 && serial[0] == 0:
		what = "is zero"
	case len(serial) > 0 && serial[0]&0x80 != 0:
		what = "is negative"
	default:
		return ""
	}
	if p.Misissued != nil && p.Misissued(serial) {
		return ""
	}
	return fmt.Sprintf("serial number %x %s (RFC 5280 section 4.1.2.2); if the CA did issue such a certificate, name the serial in trust.misissued", serial, what)
}

// answers explains what is wrong with the answers of a response, or returns "".
func (p *Policy) answers(r *artifact.Response) string {
	if p.Now != nil && r.ProducedAt.After(p.Now().Add(skew)) {
		return "its producedAt " + r.ProducedAt.Format(time.RFC3339) + " is in the future"
	}
	for i := range r.Singles {
		s := &r.Singles[i]
		switch {
		case p.oddSerial(s.CertID.Serial) != "":
			return p.oddSerial(s.CertID.Serial)
		case s.Status == artifact.StatusRevoked && s.RevokedAt.After(s.ThisUpdate.Add(skew)):
			return fmt.Sprintf("serial number %x is revoked at %s, after the answer's own thisUpdate %s", s.CertID.Serial,
				s.RevokedAt.Format(time.RFC3339), s.ThisUpdate.Format(time.RFC3339))
		case s.ThisUpdate.After(r.ProducedAt.Add(skew)):
			return fmt.Sprintf("its thisUpdate %s is after its producedAt %s", s.ThisUpdate.Format(time.RFC3339), r.ProducedAt.Format(time.RFC3339))
		}
		for j := range i {
			o := &r.Singles[j]
			if bytes.Equal(o.CertID.Serial, s.CertID.Serial) && (o.Status != s.Status || o.Reason != s.Reason || !o.RevokedAt.Equal(s.RevokedAt)) {
				return fmt.Sprintf("it says two things of serial number %x", s.CertID.Serial)
			}
		}
	}
	return ""
}
