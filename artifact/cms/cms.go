// Package cms verifies signatures on documents: detached CMS (.p7s), PAdES inside a PDF, and the RFC 3161 time stamps
// on either. It signs nothing and links nothing that does.
//
// artifact.SignedData answers "does this signature fit these bytes", which is what section A asks of every artifact.
// This package answers what an auditor asks of a CP/CPS: who signed, under which anchor, when, and is it that very
// certificate. So it goes beyond RFC 5652 where RFC 5652 leaves doors open:
//
//   - signed attributes are required, each at most once, with content-type id-data and the message digest (section 5.3);
//   - signing-certificate-v2 is required and must name the certificate (RFC 5035), since the signature does not cover the
//     certificate otherwise and a second certificate for the same key would do as well;
//   - SHA-1 and MD5 are refused, and so is a certificate whose key usage does not include signatures on documents;
//   - the signer must chain to one of the given anchors at the time of signing: that of a verified time stamp, else the
//     time the signer claims;
//   - in a PDF the signature must cover every byte but itself, and nothing may follow the last one.
//
// Encodings must be DER; indefinite lengths are refused, so that one signature has one form.
//
// BUG(cms): chains are built by crypto/x509, which does not know name constraints on directory names; a chain with a
// critical one is refused.
package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Options says whom to trust.
type Options struct {
	Issuers []*x509.Certificate // anchors: a signer must be one of them or chain to one
	TSAs    []*x509.Certificate // anchors of time-stamping authorities; nil = time stamps are ignored
	At      time.Time           // time of the chain check; zero = that of the time stamp, else the claimed signing time
	// AllowUnbound accepts signatures without signing-certificate-v2, which tools that know CMS but not CAdES make.
	AllowUnbound bool

	claimed time.Time // signing time that stands beside the CMS, in a PDF
}

// Signature is one verified signature.
type Signature struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // signer first, anchor last
	SigningTime time.Time           // claimed by the signer; zero when absent
	Timestamp   *Timestamp          // verified; nil when there is none or when TSAs are not given
}

// Verify checks a detached signature, DER or PEM, over content and wants every signer to be valid.
func Verify(p7s, content []byte, o Options) ([]*Signature, error) {
	der, err := unarmour(p7s)
	if err != nil {
		return nil, fmt.Errorf("verifying CMS: %w", err)
	}
	list, err := verifyDetached(der, content, o)
	if err != nil {
		return nil, fmt.Errorf("verifying CMS: %w", err)
	}
	return list, nil
}

func unarmour(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte("-----BEGIN")) {
		return b, nil
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CMS" && block.Type != "PKCS7" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("want one PEM block of type CMS or PKCS7")
	}
	return block.Bytes, nil
}

func verifyDetached(der, content []byte, o Options) ([]*Signature, error) {
	s, err := parse(der)
	if err != nil {
		return nil, err
	}
	if s.content != nil {
		return nil, errors.New("the content is enclosed, want a detached signature")
	}
	if !s.contentType.Equal(oidData) {
		return nil, fmt.Errorf("the content type is %v, want id-data", s.contentType)
	}
	if len(s.signers) == 0 {
		return nil, errors.New("nobody signed it")
	}
	var list []*Signature
	for i := range s.signers {
		g, err := s.signers[i].verify(s, content, o)
		if err != nil {
			return nil, fmt.Errorf("signer %d: %w", i, err)
		}
		list = append(list, g)
	}
	return list, nil
}

func (g *signerInfo) verify(s *signedData, content []byte, o Options) (*Signature, error) {
	c, err := g.check(s, content, o.AllowUnbound)
	if err != nil {
		return nil, err
	}
	if len(g.ess) > 0 && g.ess[0].hash == crypto.SHA1 && !o.AllowUnbound {
		return nil, errors.New("its signing-certificate attribute rests on SHA-1; want signing-certificate-v2")
	}
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	if c.KeyUsage != 0 && c.KeyUsage&signs == 0 {
		return nil, fmt.Errorf("the certificate of %q is not for signatures on documents", c.Subject)
	}
	out := &Signature{Certificate: c, SigningTime: g.signingTime}
	if out.SigningTime.IsZero() {
		out.SigningTime = o.claimed
	}
	at := o.At
	if o.TSAs != nil && g.timestamp != nil {
		if out.Timestamp, err = VerifyTimestamp(g.timestamp, g.signature, o.TSAs); err != nil {
			return nil, err
		}
		if at.IsZero() {
			at = out.Timestamp.Time
		}
	}
	if at.IsZero() {
		if at = out.SigningTime; at.IsZero() {
			return nil, errors.New("it claims no signing time, so say at which time the chain shall be valid")
		}
	}
	out.Chain, err = chain(c, s.certificates, o.Issuers, at, x509.ExtKeyUsageAny)
	return out, err
}

func chain(c *x509.Certificate, enclosed, anchors []*x509.Certificate, at time.Time,
	usage x509.ExtKeyUsage) ([]*x509.Certificate, error) {
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range anchors {
		roots.AddCert(a)
	}
	for _, e := range enclosed {
		middle.AddCert(e)
	}
	chains, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{usage}})
	if err != nil {
		return nil, fmt.Errorf("no chain from %q to an anchor at %s: %w", c.Subject, at.UTC().Format(time.RFC3339), err)
	}
	return chains[0], nil
}
