package artifact

import "crypto/x509"

func classify(a *Artifact) {
	if c, err := x509.ParseCertificate(a.Bytes); err == nil {
		a.Certificates = []*x509.Certificate{c}
		a.Kind = certificateKind(c)
		return
	}
	if l, err := ParseRevocationList(a.Bytes); err == nil {
		a.CRL, a.Kind = l, listKind(l)
		return
	}
	if r, err := ParseResponse(a.Bytes); err == nil {
		a.OCSP, a.Kind = r, OCSPResponse
		return
	}
	a.Problem = "its content is none of the forms that are published"
}

// certificateKind tells the kinds of one certificate apart as far as its bytes allow.
func certificateKind(c *x509.Certificate) Kind {
	switch {
	case c.IsCA && c.BasicConstraintsValid && string(c.RawSubject) == string(c.RawIssuer):
		if checkSignature(c, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			return LinkCertificate // same name, another key
		}
		return CACertificate
	case c.IsCA && c.BasicConstraintsValid:
		return CACertificate
	case IsOCSPSigner(c):
		return OCSPSignerCertificate
	}
	return SubscriberCertificate
}

func listKind(l *RevocationList) Kind {
	switch {
	case l.BaseNumber != nil:
		return DeltaCRL
	case l.IDP != nil && l.IDP.OnlyCA:
		return ARL
	}
	return CRL
}
