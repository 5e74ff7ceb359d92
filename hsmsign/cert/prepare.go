package cert

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/hsmsign/internal/algid"
)

// Prepared is a certificate that passed every check and the rehearsal, and that no key has signed yet.
type Prepared struct {
	TBS []byte // the TBSCertificate; Sign signs these octets and no others

	draft  *draft
	issuer *x509.Certificate
	name   string // of the profile, for errors
}

// Issue makes the certificate and returns its DER. Nothing is signed unless every check passed.
func Issue(ctx context.Context, r Request) ([]byte, error) {
	p, err := Prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	return p.Sign(ctx, r.Signer)
}

// Prepare goes through every step that comes before the signature.
func Prepare(ctx context.Context, r Request) (*Prepared, error) {
	name := "certificate"
	if r.Profile != nil && r.Profile.Name != "" {
		name = r.Profile.Name + " certificate"
	}
	p, err := prepare(r)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("issuing %s: %w", name, err)
	}
	p.name = name
	return p, nil
}

func prepare(r Request) (*Prepared, error) {
	if r.Now == nil {
		r.Now = time.Now
	}
	d, err := r.check()
	if err != nil {
		return nil, err
	}
	tbs, err := d.tbs()
	if err != nil {
		return nil, err
	}
	if err := rehearse(*d, r.Issuer); err != nil {
		return nil, fmt.Errorf("rehearsing (nothing was signed): %w", err)
	}
	return &Prepared{TBS: tbs, draft: d, issuer: r.Issuer}, nil
}

// Sign has the issuer's key sign, and returns the certificate once it passed the checks anew.
func (p *Prepared) Sign(ctx context.Context, key crypto.Signer) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("issuing %s: %w", p.name, err)
	}
	der, err := seal(p.TBS, p.draft.algorithm, key)
	if err == nil {
		if err = verify(der, p.TBS, p.draft, p.issuer); err != nil {
			err = fmt.Errorf("verifying what was signed (withhold it, and look at the token): %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("issuing %s: %w", p.name, err)
	}
	return der, nil
}

// SignTBS signs a TBSCertificate that Prepare made in an earlier process and that was committed to. The request is gone
// by then, so what the profile says is not checked again: the octets are those that passed.
func SignTBS(ctx context.Context, tbs []byte, issuer *x509.Certificate, key crypto.Signer) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("signing a prepared certificate: %w", err)
	}
	a, err := algorithmOf(tbs, key.Public())
	if err != nil {
		return nil, fmt.Errorf("signing a prepared certificate: %w", err)
	}
	der, err := seal(tbs, a, key)
	if err == nil {
		if err = verifyTBS(der, tbs, issuer); err != nil {
			err = fmt.Errorf("verifying what was signed (withhold it, and look at the token): %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing a prepared certificate: %w", err)
	}
	return der, nil
}

func verifyTBS(der, tbs []byte, issuer *x509.Certificate) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("parsing the certificate: %w", err)
	}
	if issuer == nil {
		issuer = c
	}
	switch {
	case !bytes.Equal(c.RawTBSCertificate, tbs):
		return errors.New("the certificate does not hold what was to be signed")
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject):
		return fmt.Errorf("its issuer is %q, not %q", c.Issuer, issuer.Subject)
	}
	if err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return fmt.Errorf("checking the signature: %w", err)
	}
	return nil
}

// algorithmOf finds the signature algorithm that a TBSCertificate names, among those that the key can be asked for.
func algorithmOf(tbs []byte, pub crypto.PublicKey) (*algid.Algorithm, error) {
	in := cryptobyte.String(tbs)
	var body, identifier cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.SkipASN1(constructed(0)) ||
		!body.SkipASN1(cbasn1.INTEGER) ||
		!body.ReadASN1Element(&identifier, cbasn1.SEQUENCE) {
		return nil, errors.New("it is no TBSCertificate")
	}
	for name, s := range signatureAlgorithms {
		if s.key != keyKind(pub) {
			continue
		}
		if a, err := algorithm(pub, name); err == nil && bytes.Equal(a.DER, identifier) {
			return a, nil
		}
	}
	return nil, fmt.Errorf("the key, of type %T, does not sign with the algorithm that it names", pub)
}

// Unsigned is the certificate without a signature, for who wants to read it before it is signed.
func (p *Prepared) Unsigned() (*x509.Certificate, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(p.TBS)
		b.AddBytes(p.draft.algorithm.DER)
		b.AddASN1BitString(nil)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", p.name, err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", p.name, err)
	}
	return c, nil
}

// SubjectPublicKeyInfo is the key that is certified.
func (p *Prepared) SubjectPublicKeyInfo() []byte { return p.draft.spki }
