package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// essCert names a certificate: ESSCertIDv2 of RFC 5035, or ESSCertID of RFC 2634 with SHA-1, which stock time-stamping
// authorities still send. There SHA-1 only has to resist second preimages among certificates that chain to the anchors.
type essCert struct {
	hash   crypto.Hash
	digest []byte
	issuer []byte   // DER name; nil when absent
	serial *big.Int //
}

// readESS reads SigningCertificate (v1) or SigningCertificateV2.
func readESS(in cryptobyte.String, v1 bool, out *[]essCert) bool {
	var body, list cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&list, cbasn1.SEQUENCE) || list.Empty() {
		return false
	}
	if v1 && len(*out) > 0 { // v2 was there already and counts
		return true
	}
	var certs []essCert
	for !list.Empty() && len(certs) < maxCertificates {
		e := essCert{hash: crypto.SHA256}
		var id, digest cryptobyte.String
		if !list.ReadASN1(&id, cbasn1.SEQUENCE) {
			return false
		}
		if v1 {
			e.hash = crypto.SHA1
		} else if id.PeekASN1Tag(cbasn1.SEQUENCE) { // DEFAULT sha256
			h, err := readHash(&id)
			if err != nil {
				return false
			}
			e.hash = h
		}
		if !id.ReadASN1(&digest, cbasn1.OCTET_STRING) || len(digest) != e.hash.Size() {
			return false
		}
		e.digest = digest
		if !id.Empty() && !e.readIssuerSerial(&id) {
			return false
		}
		certs = append(certs, e)
	}
	*out = certs
	return true
}

// readIssuerSerial reads IssuerSerial; its GeneralNames must be one directoryName.
func (e *essCert) readIssuerSerial(in *cryptobyte.String) bool {
	var body, names, name cryptobyte.String
	e.serial = new(big.Int)
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1(&names, cbasn1.SEQUENCE) ||
		!names.ReadASN1(&name, explicit(4)) || !names.Empty() || !body.ReadASN1Integer(e.serial) || !body.Empty() {
		return false
	}
	e.issuer = name
	return true
}

func (e *essCert) check(c *x509.Certificate) error {
	h := e.hash.New()
	h.Write(c.Raw)
	if !bytes.Equal(h.Sum(nil), e.digest) || e.issuer != nil && (!bytes.Equal(e.issuer, c.RawIssuer) || e.serial.Cmp(c.SerialNumber) != 0) {
		return errors.New("the signing-certificate attribute names another certificate than the one enclosed")
	}
	return nil
}
