package document

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"seihon/hsmsign/internal/algid"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidESSCertV2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidTimestamp     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}

	// oidPSS is the DER of id-RSASSA-PSS, by which an algid.Algorithm tells that it is one.
	oidPSS = []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10}

	digestOIDs = map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	}
)

// builder makes one SignedData with one SignerInfo, RFC 5652 section 5.
type builder struct {
	certificate *x509.Certificate
	chain       []*x509.Certificate
	algorithm   *algid.Algorithm
	signingTime time.Time // zero = no attribute

	attributes []byte // the signed attributes, as SET OF
	signature  []byte
	timestamp  []byte // token; nil = none
}

// digest is the hash of the message. Ed25519 and ML-DSA sign the attributes without one; RFC 8419 section 3 then wants
// SHA-512, and RFC 9882 section 3.3 wants every implementation to know it.
func (b *builder) digest() crypto.Hash {
	if b.algorithm.Hash == 0 {
		return crypto.SHA512
	}
	return b.algorithm.Hash
}

func (b *builder) sign(key crypto.Signer, content []byte) error {
	h := b.digest().New()
	h.Write(content)
	var err error
	if b.attributes, err = b.signedAttributes(h.Sum(nil)); err != nil {
		return fmt.Errorf("encoding signed attributes: %w", err)
	}
	input := b.attributes
	if b.algorithm.Hash != 0 {
		h := b.algorithm.Hash.New()
		h.Write(input)
		input = h.Sum(nil)
	}
	if b.signature, err = b.algorithm.Sign(key, input); err != nil {
		return fmt.Errorf("using the key: %w", err)
	}
	return nil
}

func (b *builder) signedAttributes(digest []byte) ([]byte, error) {
	list := [][]byte{
		attribute(oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }),
		attribute(oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }),
		attribute(oidESSCertV2, b.addESS),
	}
	if !b.signingTime.IsZero() {
		list = append(list, attribute(oidSigningTime, func(c *cryptobyte.Builder) { addTime(c, b.signingTime) }))
	}
	return setOf(cbasn1.SET, list)
}

// attribute returns the DER of one attribute, or nil when its value cannot be encoded; setOf reports that.
func attribute(oid asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(cbasn1.SET, value)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil
	}
	return der
}

// setOf encodes elements in the order that DER wants for SET OF (X.690 section 11.6).
func setOf(tag cbasn1.Tag, list [][]byte) ([]byte, error) {
	slices.SortFunc(list, bytes.Compare)
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, e := range list {
			if e == nil {
				b.SetError(fmt.Errorf("a value cannot be encoded"))
			}
			b.AddBytes(e)
		}
	})
	return b.Bytes()
}

// addESS appends SigningCertificateV2 with the signer's certificate, RFC 5035 section 3: SHA-256 is the default and
// therefore left out.
func (b *builder) addESS(out *cryptobyte.Builder) {
	sum := sha256.Sum256(b.certificate.Raw)
	sequence(out, func(out *cryptobyte.Builder) { // SigningCertificateV2
		sequence(out, func(out *cryptobyte.Builder) { // certs
			sequence(out, func(out *cryptobyte.Builder) { // ESSCertIDv2
				out.AddASN1OctetString(sum[:])
				sequence(out, func(out *cryptobyte.Builder) { // IssuerSerial
					sequence(out, func(out *cryptobyte.Builder) {
						out.AddASN1(explicit(4),
							func(out *cryptobyte.Builder) { out.AddBytes(b.certificate.RawIssuer) })
					})
					out.AddASN1BigInt(b.certificate.SerialNumber)
				})
			})
		})
	})
}

func (b *builder) marshal() ([]byte, error) {
	certificates, err := b.certificates()
	if err != nil {
		return nil, fmt.Errorf("encoding certificates: %w", err)
	}
	var out cryptobyte.Builder
	sequence(&out, func(out *cryptobyte.Builder) { // ContentInfo
		out.AddASN1ObjectIdentifier(oidSignedData)
		out.AddASN1(explicit(0), func(out *cryptobyte.Builder) {
			sequence(out, func(out *cryptobyte.Builder) {
				out.AddASN1Int64(1) // version: no other certificate forms, content id-data
				out.AddASN1(cbasn1.SET, b.addDigestAlgorithm)
				sequence(out, func(out *cryptobyte.Builder) { out.AddASN1ObjectIdentifier(oidData) })
				out.AddBytes(certificates)
				out.AddASN1(cbasn1.SET, func(out *cryptobyte.Builder) { sequence(out, b.addSignerInfo) })
			})
		})
	})
	der, err := out.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding CMS: %w", err)
	}
	return der, nil
}

// certificates encodes the CertificateSet: the signer's certificate and the chain, each once.
func (b *builder) certificates() ([]byte, error) {
	var list [][]byte
	for _, c := range append([]*x509.Certificate{b.certificate}, b.chain...) {
		if !slices.ContainsFunc(list, func(der []byte) bool { return bytes.Equal(der, c.Raw) }) {
			list = append(list, c.Raw)
		}
	}
	return setOf(explicit(0), list)
}

func (b *builder) addSignerInfo(out *cryptobyte.Builder) {
	out.AddASN1Int64(1)                           // version: issuerAndSerialNumber
	sequence(out, func(out *cryptobyte.Builder) { // sid
		out.AddBytes(b.certificate.RawIssuer)
		out.AddASN1BigInt(b.certificate.SerialNumber)
	})
	b.addDigestAlgorithm(out)
	implicit := bytes.Clone(b.attributes)
	implicit[0] = byte(explicit(0)) // [0] IMPLICIT; what is signed is the SET OF
	out.AddBytes(implicit)
	b.addSignatureAlgorithm(out)
	out.AddASN1OctetString(b.signature)
	if b.timestamp != nil {
		out.AddASN1(explicit(1), func(out *cryptobyte.Builder) {
			out.AddBytes(attribute(oidTimestamp, func(out *cryptobyte.Builder) { out.AddBytes(b.timestamp) }))
		})
	}
}

// addDigestAlgorithm leaves the parameters out, RFC 5754 section 2.
func (b *builder) addDigestAlgorithm(out *cryptobyte.Builder) {
	sequence(out, func(out *cryptobyte.Builder) { out.AddASN1ObjectIdentifier(digestOIDs[b.digest()]) })
}

// addSignatureAlgorithm writes rsaEncryption for PKCS #1 v1.5, the form that every reader of CMS must know (RFC 5754
// section 3.2); the others are named in full.
func (b *builder) addSignatureAlgorithm(out *cryptobyte.Builder) {
	if _, ok := b.certificate.PublicKey.(*rsa.PublicKey); ok && !bytes.Contains(b.algorithm.DER, oidPSS) {
		sequence(out, func(out *cryptobyte.Builder) {
			out.AddASN1ObjectIdentifier(oidRSA)
			out.AddASN1NULL()
		})
		return
	}
	out.AddBytes(b.algorithm.DER)
}

func sequence(b *cryptobyte.Builder, f cryptobyte.BuilderContinuation) { b.AddASN1(cbasn1.SEQUENCE, f) }

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// addTime writes UTCTime through 2049, as RFC 5652 section 11.3 wants for signing-time.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t = t.UTC().Truncate(time.Second); t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}
