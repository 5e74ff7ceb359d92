package ceremony

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/ledger"
)

// requestKind is the kind of the evidence that a certificate request leaves in the master log: the key signed it.
const requestKind = "certificate-request"

// An asker is who a certificate is asked for.
type asker struct {
	name       string
	key        config.Key
	subject    []byte // DER
	extensions []pkix.Extension
}

// RequestCertificate makes a certificate request (PKCS #10) for a key of the token whose certificate
// another CA software makes: an OCSP signer, the document signer, or a CA below that CA. The log says
// that the key signed it.
func RequestCertificate(ctx context.Context, r *room.Room, name string) ([]byte, error) {
	q, err := findAsker(r, name)
	if err != nil {
		return nil, fmt.Errorf("requesting a certificate: %w", err)
	}
	key, err := r.Key(ctx, q.key)
	if err != nil {
		return nil, fmt.Errorf("requesting a certificate: %w", err)
	}
	if r.DryRun {
		return nil, nil
	}
	t := &x509.CertificateRequest{RawSubject: q.subject, ExtraExtensions: q.extensions}
	if _, isRSA := key.Public().(*rsa.PublicKey); isRSA && q.key.PSS {
		t.SignatureAlgorithm = x509.SHA256WithRSAPSS
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, fmt.Errorf("requesting a certificate for %s: %w", name, err)
	}
	digest, size, err := r.Log.PutBlob(ctx, artifact.Log, bytes.NewReader(der))
	if err != nil {
		return nil, fmt.Errorf("storing the request: %w", err)
	}
	e := &ledger.Evidence{Kind: requestKind, Name: name, Digest: digest, Size: size}
	if err := r.Log.Append(ctx, &ledger.Entry{Evidence: e}); err != nil {
		return nil, fmt.Errorf("recording the request: %w", err)
	}
	return der, nil
}

var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidNoCheck          = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
)

// Extensions that are asked for; the CA's own profile decides.
var (
	askDigitalSignature = pkix.Extension{Id: oidKeyUsage, Critical: true, Value: []byte{3, 2, 7, 0x80}}
	askCertAndCRLSign   = pkix.Extension{Id: oidKeyUsage, Critical: true, Value: []byte{3, 2, 1, 0x06}}
	askCA               = pkix.Extension{Id: oidBasicConstraints, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}
	askOCSPSigning      = pkix.Extension{Id: oidExtKeyUsage, Value: []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 9}}
	askNoCheck          = pkix.Extension{Id: oidNoCheck, Value: []byte{5, 0}} // RFC 6960 section 4.2.2.2.1
)

// findAsker finds who a certificate is asked for, and what for.
func findAsker(r *room.Room, name string) (*asker, error) {
	if a, resp := responderNamed(r, name); resp != nil {
		subject, err := responderSubject(a, resp)
		return &asker{name, resp.Key, subject, []pkix.Extension{askDigitalSignature, askOCSPSigning, askNoCheck}}, err
	}
	if d := r.Config.DocumentSigner; d != nil && d.Name == name {
		subject, err := room.SubjectName(d.Subject).Marshal()
		return &asker{name, d.Key, subject, []pkix.Extension{askDigitalSignature}}, err
	}
	a, ok := r.Authorities[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("the configuration has no issuer, OCSP signer or document signer %q", name)
	case a.External():
		return nil, fmt.Errorf("%s is signed_by: external: its key is not in this token", name)
	}
	subject, err := room.SubjectName(a.Subject).Marshal()
	return &asker{name, a.Key, subject, []pkix.Extension{askCA, askCertAndCRLSign}}, err
}

// responderSubject is the configured name of an OCSP signer, or that of its issuer with " OCSP" behind the common name.
func responderSubject(a *room.Authority, resp *config.Responder) ([]byte, error) {
	if resp.Subject != nil {
		return room.SubjectName(*resp.Subject).Marshal()
	}
	if a.Certificate == nil {
		return nil,
			errors.New("its issuer has no certificate yet; take that over first, or give ocsp.responder a subject")
	}
	subject := a.Certificate.Subject
	subject.ExtraNames = nil
	subject.CommonName += " OCSP"
	return asn1.Marshal(subject.ToRDNSequence())
}

// askedFor counts the request of an evidence entry, if the key signed it.
func (x *explainer) askedFor(ctx context.Context, e *ledger.Evidence) error {
	if e.Kind != requestKind {
		return nil
	}
	der, err := x.r.Log.Log().ReadBlob(ctx,
		ledger.Line{Name: requestKind, Kind: artifact.Log, Digest: e.Digest, Size: e.Size})
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return fmt.Errorf("reading the request for %s: %w", e.Name, err)
	}
	if bytes.Equal(csr.RawSubjectPublicKeyInfo, x.spki) {
		x.sum.Requests++
	}
	return nil
}
