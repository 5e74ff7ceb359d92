package artifact

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"

	"seihon/artifact/signature"
)

// A Trust is the set of authorities whose signatures count: pinned anchors, the CAs that chain to them, and the pinned
// partners of cross certification. It is safe for concurrent use.
type Trust struct {
	mu        sync.RWMutex
	anchors   []*x509.Certificate
	issuers   []*x509.Certificate // anchors first, then what was added
	partners  []*x509.Certificate
	byKeyHash map[string]*x509.Certificate // hash name + issuerKeyHash → issuer
	delegates map[delegateKey]bool
	keyHashes map[*x509.Certificate][]byte // SHA-1 of the key, by which responders are named
	keys      map[*x509.Certificate]*signature.Key
}

// A delegateKey is a delegate that its issuer made one. Certificates are compared by identity, which is cheap and holds
// for those that came out of one CertificateCache; others are merely checked again.
type delegateKey struct{ cert, issuer *x509.Certificate }

// NewTrust returns the trust set of the given anchors and cross-certification partners.
func NewTrust(anchors, partners []*x509.Certificate) *Trust {
	t := &Trust{byKeyHash: make(map[string]*x509.Certificate), delegates: make(map[delegateKey]bool),
		keyHashes: make(map[*x509.Certificate][]byte),
		keys:      make(map[*x509.Certificate]*signature.Key)}
	for _, a := range anchors {
		t.anchors = append(t.anchors, a)
		t.insert(a)
	}
	t.partners = append(t.partners, partners...)
	return t
}

var certIDHashes = []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512}

func (t *Trust) insert(c *x509.Certificate) {
	for _, i := range t.issuers {
		if i.Equal(c) {
			return
		}
	}
	t.issuers = append(t.issuers, c)
	for _, h := range certIDHashes {
		k := h.String() + string(PublicKeyHash(c, h)) + string(NameHash(c, h))
		if t.byKeyHash[k] == nil {
			t.byKeyHash[k] = c
		}
	}
}

// Add makes cert an issuer when it is a CA certificate that an issuer of the set signed; anything else is an error.
func (t *Trust) Add(cert *x509.Certificate) error {
	if !cert.IsCA || !cert.BasicConstraintsValid {
		return fmt.Errorf("adding %q to the trusted issuers: it is not a CA certificate", cert.Subject.String())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := errors.New("no trusted issuer has its issuer's name")
	for _, i := range t.issuers {
		if i.Equal(cert) {
			return nil
		}
		if !SameName(i.RawSubject, cert.RawIssuer) {
			continue
		}
		if err = checkSignature(i, cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err == nil {
			t.insert(cert)
			return nil
		}
	}
	return fmt.Errorf("adding %q to the trusted issuers: %w", cert.Subject.String(), err)
}

// Anchors returns the pinned anchors.
func (t *Trust) Anchors() []*x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]*x509.Certificate(nil), t.anchors...)
}

// Issuers returns the anchors and everything added to them.
func (t *Trust) Issuers() []*x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]*x509.Certificate(nil), t.issuers...)
}

// Partners returns the pinned partners of cross certification.
func (t *Trust) Partners() []*x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]*x509.Certificate(nil), t.partners...)
}

// IssuersByName returns the issuers whose subject is the DER Name raw, compared as RFC 5280 section 7.1 says; more than
// one when a CA changed its key under one name.
func (t *Trust) IssuersByName(raw []byte) []*x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var found []*x509.Certificate
	for _, i := range t.issuers {
		if SameName(i.RawSubject, raw) {
			found = append(found, i)
		}
	}
	return found
}

// IssuerByName returns the first issuer whose DER subject is raw, or nil.
func (t *Trust) IssuerByName(raw []byte) *x509.Certificate {
	if all := t.IssuersByName(raw); len(all) > 0 {
		return all[0]
	}
	return nil
}

// IssuerByKeyID returns the issuer with that subject key identifier, or nil.
func (t *Trust) IssuerByKeyID(id []byte) *x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, i := range t.issuers {
		if len(id) > 0 && bytes.Equal(i.SubjectKeyId, id) {
			return i
		}
	}
	return nil
}

// IssuerOf returns the issuer that id names, or nil when it is not trusted.
func (t *Trust) IssuerOf(id CertID) *x509.Certificate {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byKeyHash[id.Hash.String()+string(id.IssuerKeyHash)+string(id.IssuerNameHash)]
}

// CheckCRL verifies the list's signature and returns the trusted issuer that made it.
func (t *Trust) CheckCRL(l *RevocationList) (*x509.Certificate, error) {
	if v := l.verified.Load(); v != nil && v.trust == t {
		return v.issuer, nil
	}
	err := errors.New("checking CRL: its issuer is not a trusted CA")
	named := t.IssuersByName(l.RawIssuer)
	if len(named) == 0 {
		err = fmt.Errorf("checking CRL: its issuer %q is not a trusted CA", NameText(l.RawIssuer))
	}
	for _, i := range named {
		if e := l.CheckSignatureFrom(i); e != nil {
			err = e
			continue
		}
		l.verified.Store(&listVerdict{t, i})
		return i, nil
	}
	return nil, err
}

// CheckResponse verifies the response's signature and returns the trusted issuer it speaks for and the certificate that
// signed. A delegate's own certificate is verified once and remembered.
func (t *Trust) CheckResponse(r *Response) (issuer, signer *x509.Certificate, err error) {
	if v := r.verified.Load(); v != nil && v.trust == t {
		return v.issuer, v.signer, nil
	}
	if len(r.Singles) == 0 {
		return nil, nil, errors.New("checking OCSP response: it has no single response")
	}
	if issuer = t.IssuerOf(r.Singles[0].CertID); issuer == nil {
		return nil, nil, errors.New("checking OCSP response: its CertID names no trusted CA")
	}
	first := r.Singles[0].CertID
	for _, s := range r.Singles[1:] {
		same := s.CertID.Hash == first.Hash && bytes.Equal(s.CertID.IssuerKeyHash, first.IssuerKeyHash) &&
			bytes.Equal(s.CertID.IssuerNameHash, first.IssuerNameHash)
		if !same && !s.CertID.Names(issuer) {
			return nil, nil, errors.New("checking OCSP response: its single responses speak of different issuers")
		}
	}
	signer, err = r.signedBy(issuer, t)
	return issuer, signer, err
}

// CheckAhead verifies a response before CheckResponse is called, for who has many of them and several processors. What
// is wrong with it CheckResponse says.
func (t *Trust) CheckAhead(r *Response) {
	if issuer, signer, err := t.CheckResponse(r); err == nil {
		r.verified.Store(&responseVerdict{t, issuer, signer})
	}
}

func (t *Trust) checkDelegate(cert, issuer *x509.Certificate) error {
	k := delegateKey{cert, issuer}
	t.mu.RLock()
	ok := t.delegates[k]
	t.mu.RUnlock()
	if ok {
		return nil
	}
	if err := (stateless{}).checkDelegate(cert, issuer); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.delegates) >= cacheLimit {
		clear(t.delegates)
	}
	t.delegates[k] = true
	return nil
}

func (t *Trust) keyHash(cert *x509.Certificate) []byte {
	t.mu.RLock()
	h := t.keyHashes[cert]
	t.mu.RUnlock()
	if h != nil {
		return h
	}
	h = PublicKeyHash(cert, crypto.SHA1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keyHashes) >= cacheLimit {
		clear(t.keyHashes)
	}
	t.keyHashes[cert] = h
	return h
}

// keyLimit bounds how many keys are kept prepared: the tables of one P-256 key take
// most of a megabyte. A repository has a handful of signers at a time.
const keyLimit = 32

// checkSignature is the function of that name with the key of signer kept prepared, because a few of them sign millions
// of responses. Only what signer has found to be the issuer or its delegate comes here.
func (t *Trust) checkSignature(signer *x509.Certificate, alg x509.SignatureAlgorithm, signed, sig []byte) error {
	hash, check := prepared(alg)
	if check == nil {
		return checkSignature(signer, alg, signed, sig)
	}
	h := hash.New()
	h.Write(signed)
	if check(t.key(signer), hash, h.Sum(nil), sig) != nil {
		return fmt.Errorf("the signature by %q does not verify", signer.Subject.String())
	}
	return nil
}

// prepared returns how a prepared key checks signatures of alg; nil when it does not.
func prepared(alg x509.SignatureAlgorithm) (crypto.Hash, func(k *signature.Key, h crypto.Hash, digest, sig []byte) error) {
	ec := func(k *signature.Key, _ crypto.Hash, digest, sig []byte) error { return k.ECDSA(digest, sig) }
	switch alg {
	case x509.SHA256WithRSA:
		return crypto.SHA256, (*signature.Key).PKCS1v15
	case x509.SHA384WithRSA:
		return crypto.SHA384, (*signature.Key).PKCS1v15
	case x509.SHA512WithRSA:
		return crypto.SHA512, (*signature.Key).PKCS1v15
	case x509.ECDSAWithSHA256:
		return crypto.SHA256, ec
	case x509.ECDSAWithSHA384:
		return crypto.SHA384, ec
	case x509.ECDSAWithSHA512:
		return crypto.SHA512, ec
	}
	return 0, nil
}

func (t *Trust) key(signer *x509.Certificate) *signature.Key {
	t.mu.RLock()
	k := t.keys[signer]
	t.mu.RUnlock()
	if k != nil {
		return k
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k = t.keys[signer]; k != nil {
		return k
	}
	if len(t.keys) >= keyLimit {
		clear(t.keys)
	}
	k = signature.NewKey(signer.PublicKey)
	t.keys[signer] = k
	return k
}
