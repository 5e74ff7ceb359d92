package verify

import (
	"fmt"
	"strconv"
	"time"

	"seihon/artifact"
	"seihon/verify/report"
)

// checkLine compares what a line of the log says with what the bytes say of themselves.
func (c *checker) checkLine(v *version, a *artifact.Artifact) {
	if !a.Kind.Agrees(v.Kind) {
		// Section A has refused it under the newest line's kind; other lines of the same bytes are checked here.
		c.Found(report.Finding{Code: "line-kind", Source: report.SourceMaster, Name: v.Name, Want: string(v.Kind),
			Got: string(a.Kind), Detail: a.Problem})
		return
	}
	from, to, number, ok := contentFacts(a)
	if !ok {
		return
	}
	if !from.Equal(v.NotBefore) || !to.Equal(v.NotAfter) {
		c.Found(report.Finding{Code: "line-dates", Source: report.SourceMaster, Name: v.Name,
			Want: interval(v.NotBefore, v.NotAfter), Got: interval(from, to)})
	}
	if v.Number != "" && number != v.Number {
		c.Found(report.Finding{Code: "line-number", Source: report.SourceMaster, Name: v.Name, Want: v.Number,
			Got: number})
	}
	if v.current {
		c.checkCalendar(v, a, from, to)
	}
}

// contentFacts returns validity and number as the ledger records them. Kinds whose content does not hold them yield
// false.
func contentFacts(a *artifact.Artifact) (from, to time.Time, number string, ok bool) {
	switch {
	case a.Kind.IsCertificate():
		cert := a.Certificates[0]
		return cert.NotBefore, cert.NotAfter, fmt.Sprintf("%x", cert.SerialNumber), true
	case a.CRL != nil:
		if a.CRL.Number != nil {
			number = a.CRL.Number.String()
		}
		return a.CRL.ThisUpdate, a.CRL.NextUpdate, number, true
	}
	return from, to, "", false
}

// checkCalendar asks whether a current artifact holds today.
func (c *checker) checkCalendar(v *version, a *artifact.Artifact, from, to time.Time) {
	if from.After(c.now.Add(5 * time.Minute)) {
		c.Found(report.Finding{Code: "not-yet-valid", Source: report.SourceMaster, Name: v.Name,
			Got: report.Stamp(from)})
	}
	switch {
	case a.Kind.IsCertificate() && c.now.After(to):
		c.Found(report.Finding{Code: "certificate-expired", Source: report.SourceMaster, Name: v.Name,
			Got: report.Stamp(to)})
	case a.CRL != nil && v.History:
		// An archived list is not expected to be current.
	case a.CRL != nil && artifact.Stale(to, c.now):
		c.Found(report.Finding{Code: "crl-stale", Source: report.SourceMaster, Name: v.Name, Got: report.Stamp(to)})
	case a.CRL != nil && c.CRLAge > 0 && !artifact.Final(to) && c.now.Sub(from) > c.CRLAge:
		c.Found(report.Finding{Code: "crl-too-old", Source: report.SourceMaster, Name: v.Name, Want: c.CRLAge.String(),
			Got: c.now.Sub(from).String()})
	}
}

func interval(from, to time.Time) string { return report.Stamp(from) + " to " + report.Stamp(to) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func bytesText(n int64) string { return itoa(n) + " bytes" }
