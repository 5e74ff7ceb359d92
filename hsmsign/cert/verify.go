package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"seihon/artifact"
	"seihon/internal/certprofile"
)

// rehearse signs the draft with a throwaway key and puts it through everything that the real certificate will go
// through. A copy of the issuer with the throwaway key stands in for the issuer.
func rehearse(d draft, issuer *x509.Certificate) error {
	key, err := throwaway(d.signer)
	if err != nil {
		return err
	}
	if issuer == nil { // self-signed: the throwaway key is also the subject's
		if err := d.setKey(key.Public(), nil); err != nil {
			return err
		}
		d.issuerKeyID = d.keyID
	} else {
		standIn := *issuer
		standIn.PublicKey, issuer = key.Public(), &standIn
	}
	tbs, err := d.tbs()
	if err != nil {
		return err
	}
	der, err := seal(tbs, d.algorithm, key)
	if err != nil {
		return err
	}
	return verify(der, tbs, &d, issuer)
}

// throwaway keys live as long as the process: they protect nothing, and RSA keys are slow to make.
var throwawayKeys = map[string]func() (crypto.Signer, error){
	"rsa": sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }),
	"ecdsa": sync.OnceValues(func() (crypto.Signer,
		error) {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}),
	"ed25519": sync.OnceValues(func() (crypto.Signer, error) {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k,
			err
	}),
}

// throwaway returns a key of the same kind as pub; of ML-DSA with the same parameters, since they name the algorithm.
func throwaway(pub crypto.PublicKey) (crypto.Signer, error) {
	if k, ok := pub.(*mldsa.PublicKey); ok {
		return mldsa.GenerateKey(k.Parameters())
	}
	key, err := throwawayKeys[keyKind(pub)]()
	if err != nil {
		return nil, fmt.Errorf("making a throwaway key: %w", err)
	}
	return key, nil
}

// verify parses the certificate anew and trusts nothing about how it was made.
func verify(der, tbs []byte, d *draft, issuer *x509.Certificate) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("parsing the certificate: %w", err)
	}
	if !bytes.Equal(c.RawTBSCertificate, tbs) {
		return errors.New("the certificate does not hold what was to be signed")
	}
	if found := artifact.Irregularities(c); len(found) > 0 {
		return fmt.Errorf("the certificate is irregular: %s", found[0].Text)
	}
	if issuer == nil {
		issuer = c
	}
	if err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return fmt.Errorf("checking the signature: %w", err)
	}
	if err := validatePath(c, issuer, d.profile.Kind); err != nil {
		return err
	}
	return Lint(der, d.profile.AcceptedLints)
}

// validatePath checks the certificate under its issuer as a relying party would, at the first moment at which both are
// valid.
func validatePath(c, issuer *x509.Certificate, kind certprofile.Kind) error {
	at := c.NotBefore
	if kind == certprofile.Link && at.Before(issuer.NotBefore) {
		at = issuer.NotBefore
	}
	// Critical extensions that crypto/x509 does not know (directoryName constraints, say) are the issuer's issuer's
	// business or were encoded here.
	subject, anchor := *c, *issuer
	subject.UnhandledCriticalExtensions, anchor.UnhandledCriticalExtensions = nil, nil
	roots := x509.NewCertPool()
	roots.AddCert(&anchor)
	_, err := subject.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("validating the path: %w", err)
	}
	return nil
}
