package cert

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/hsmsign/internal/algid"
	"seihon/internal/certprofile"
)

// draft is a checked request: everything that goes into the TBSCertificate except, for a self-signed one, the final
// key.
type draft struct {
	profile             *certprofile.Profile
	algorithm           *algid.Algorithm
	signer              crypto.PublicKey // the issuer's key
	serial              *big.Int
	issuer, subject     []byte // DER names
	notBefore, notAfter time.Time
	spki                []byte
	keyID, issuerKeyID  []byte
	alternative         AlternativeNames
	urls                URLs
}

// setKey sets the subject's key, and its identifier when the key does not bring one.
func (d *draft) setKey(pub crypto.PublicKey, id []byte) error {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return fmt.Errorf("encoding public key: %w", err)
	}
	if id == nil {
		if id, err = idOfSPKI(spki); err != nil {
			return err
		}
	}
	d.spki, d.keyID = spki, id
	return nil
}

func idOfSPKI(spki []byte) ([]byte, error) {
	in := cryptobyte.String(spki)
	var seq cryptobyte.String
	var bits asn1.BitString
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.SkipASN1(cbasn1.SEQUENCE) || !seq.ReadASN1BitString(&bits) {
		return nil, errors.New("encoding public key: not a SubjectPublicKeyInfo")
	}
	return keyID(bits.RightAlign()), nil
}

// tbs encodes the TBSCertificate, version 3, RFC 5280 section 4.1.
func (d *draft) tbs() ([]byte, error) {
	extensions, err := d.extensions()
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
		b.AddASN1BigInt(d.serial)
		b.AddBytes(d.algorithm.DER)
		b.AddBytes(d.issuer)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addTime(b, d.notBefore)
			addTime(b, d.notAfter)
		})
		b.AddBytes(d.subject)
		b.AddBytes(d.spki)
		b.AddASN1(constructed(3), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, e := range extensions {
					addExtension(b, e)
				}
			})
		})
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding certificate: %w", err)
	}
	return der, nil
}

func addExtension(b *cryptobyte.Builder, e extension) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(e.oid)
		if e.critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1(cbasn1.OCTET_STRING, e.value)
	})
}

// addTime writes UTCTime through 2049 and GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5).
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t = t.UTC(); t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}

// seal signs the TBSCertificate and wraps it up.
func seal(tbs []byte, a *algid.Algorithm, key crypto.Signer) ([]byte, error) {
	sig, err := sign(a, key, tbs)
	if err != nil {
		return nil, fmt.Errorf("signing certificate: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(a.DER)
		b.AddASN1BitString(sig)
	})
	return b.Bytes()
}
