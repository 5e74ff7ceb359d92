// Command othersoftware makes what the CA software of others makes: a root, an issuing CA, two certificates and
// revocation lists, by step-ca's issuance code and, with --boulder, lists in parts by Boulder's. It is a module of its
// own, so that the repository does not depend on theirs; cmd/others_test.go runs it. What it leaves in the folder:
//
//	root.cer sub.cer one.cer two.cer cps.cer   certificates, DER
//	root.crl                           the root's list
//	good/…                             the issuing CA's first lists; nothing is revoked
//	revoked/…                          the next ones: one is revoked
//	forgot/…                           the next ones: the CA has forgotten it
//	private/…                          keys and certificates, PEM
//
// With --certify, the issuing CA that an earlier run left in the folder certifies an OCSP signer's request, by
// step-ca's code again.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/jmhodges/clock"
	"github.com/letsencrypt/boulder/config"
	"github.com/letsencrypt/boulder/issuance"
	"github.com/smallstep/certificates/cas/apiv1"
	"github.com/smallstep/certificates/cas/softcas"
	"go.step.sm/crypto/pemutil"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("out", "", "folder to write to")
	boulder := flag.Bool("boulder", false, "let Boulder make the issuing CA's lists, in two parts")
	url := flag.String("url", "http://other.example", "what the certificates say of where the lists are")
	ocsp := flag.String("ocsp", "", "and of where the responder is; empty: nothing")
	request := flag.String("certify", "", "certify this request of an OCSP signer, and make nothing else")
	flag.Parse()
	if *dir == "" {
		log.Fatal("othersoftware: --out is missing")
	}
	var err error
	if *request != "" {
		err = certify(*dir, *request)
	} else {
		err = run(*dir, addresses{*url, *ocsp}, *boulder)
	}
	if err != nil {
		log.Fatalf("othersoftware: %v", err)
	}
}

// addresses are what certificates say of where to ask.
type addresses struct{ url, ocsp string }

const year = 365 * 24 * time.Hour

// An authority is a CA of step-ca.
type authority struct {
	*apiv1.CreateCertificateAuthorityResponse
	cas   *softcas.SoftCAS
	point string // the distribution point of its lists; empty: none
}

func run(dir string, at addresses, boulder bool) error {
	root, err := newAuthority("Other Root CA", nil, at)
	if err != nil {
		return err
	}
	sub, err := newAuthority("Other Sub CA", root, at)
	if err != nil {
		return err
	}
	sub.point = at.url + "/crl/sub.crl"
	issued := map[string]*x509.Certificate{"root.cer": root.Certificate, "sub.cer": sub.Certificate}
	for i, name := range []string{"one", "two", "cps"} {
		list := at.url + "/crl/sub.crl"
		if boulder {
			list = fmt.Sprintf("%s/crl/sub/%d.crl", at.url, i%2) // of two parts, which the CA fills in turn
		}
		c, key, err := sub.issue(int64(0x1001+i), name, list, at.ocsp)
		if err == nil {
			err = writePEM(dir, name, c, key)
		}
		if err != nil {
			return err
		}
		issued[name+".cer"] = c
	}
	for name, c := range issued {
		if err := write(dir, name, c.Raw); err != nil {
			return err
		}
	}
	if err := writePEM(dir, "sub", sub.Certificate, sub.PrivateKey); err != nil {
		return err
	}
	arl, err := root.list(1, nil)
	if err == nil {
		err = write(dir, "root.crl", arl)
	}
	if err != nil {
		return err
	}
	lists := sub.lists
	if boulder {
		issuer, err := boulderIssuer(dir, at.url)
		if err != nil {
			return err
		}
		lists = issuer.lists
	}
	revoked := []x509.RevocationListEntry{{SerialNumber: issued["one.cer"].SerialNumber,
		RevocationTime: time.Now().UTC().Truncate(time.Second), ReasonCode: 1}}
	return errors.Join(lists(dir, "good", 1, nil), lists(dir, "revoked", 2, revoked), lists(dir, "forgot", 3, nil))
}

func write(dir, name string, content []byte) error {
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func newAuthority(name string, parent *authority, at addresses) (*authority, error) {
	creator, err := softcas.New(context.Background(), apiv1.Options{IsCreator: true})
	if err != nil {
		return nil, err
	}
	req := &apiv1.CreateCertificateAuthorityRequest{Name: name, Type: apiv1.RootCA, Lifetime: 10 * year,
		Backdate: time.Minute, Template: &x509.Certificate{
			Subject:      pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"}, CommonName: name},
			SerialNumber: big.NewInt(0x7001), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			BasicConstraintsValid: true, IsCA: true,
		}}
	if parent != nil {
		req.Type, req.Parent, req.Lifetime = apiv1.IntermediateCA, parent.CreateCertificateAuthorityResponse, 5*year
		req.Template.SerialNumber = big.NewInt(0x7002)
		req.Template.CRLDistributionPoints = []string{at.url + "/crl/root-arl.crl"}
	}
	made, err := creator.CreateCertificateAuthority(req)
	if err != nil {
		return nil, fmt.Errorf("making %q: %w", name, err)
	}
	cas, err := softcas.New(context.Background(),
		apiv1.Options{CertificateChain: []*x509.Certificate{made.Certificate}, Signer: made.Signer})
	return &authority{CreateCertificateAuthorityResponse: made, cas: cas}, err
}

// writePEM leaves a key and its certificate for who reads files: Boulder, and OpenSSL, which signs the CPS.
func writePEM(dir, name string, c *x509.Certificate, private crypto.PrivateKey) error {
	key, err := pemutil.Serialize(private)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	return errors.Join(write(dir, "private/"+name+".key", pem.EncodeToMemory(key)),
		write(dir, "private/"+name+".pem", certificate))
}

func (a *authority) issue(serial int64, name, list, ocsp string) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{Country: []string{"JP"}, Organization: []string{"Example"}, CommonName: name},
		KeyUsage:     x509.KeyUsageDigitalSignature, PublicKey: key.Public(), CRLDistributionPoints: []string{list},
	}
	if ocsp != "" {
		template.OCSPServer = []string{ocsp}
	}
	res, err := a.cas.CreateCertificate(&apiv1.CreateCertificateRequest{Lifetime: year, Backdate: time.Minute,
		Template: template})
	if err != nil {
		return nil, nil, fmt.Errorf("issuing %q: %w", name, err)
	}
	return res.Certificate, key, nil
}

// certify signs the request of an OCSP signer, as an administrator of step-ca would: the certificate says that it may
// sign answers, and that nobody needs to ask about itself.
func certify(dir, file string) error {
	ca, err := pemutil.ReadCertificate(filepath.Join(dir, "private/sub.pem"))
	if err != nil {
		return err
	}
	key, err := pemutil.Read(filepath.Join(dir, "private/sub.key"))
	if err != nil {
		return err
	}
	request, err := pemutil.ReadCertificateRequest(file)
	if err != nil {
		return err
	}
	if err := request.CheckSignature(); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("private/sub.key holds a %T", key)
	}
	cas, err := softcas.New(context.Background(),
		apiv1.Options{CertificateChain: []*x509.Certificate{ca}, Signer: signer})
	if err != nil {
		return err
	}
	res, err := cas.CreateCertificate(&apiv1.CreateCertificateRequest{Lifetime: year / 4, Backdate: time.Minute,
		Template: &x509.Certificate{
			SerialNumber: big.NewInt(0x2001), Subject: request.Subject, PublicKey: request.PublicKey,
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5},
				Value: asn1.NullBytes}},
		}})
	if err != nil {
		return fmt.Errorf("certifying %s: %w", file, err)
	}
	return write(dir, "ocsp.cer", res.Certificate.Raw)
}

// distributionPoint is the extension that step-ca's server puts into its list (crl.idpURL): critical, and with the
// address alone.
func distributionPoint(address string) (pkix.Extension, error) {
	type name struct {
		FullName []asn1.RawValue `asn1:"optional,tag:0"`
	}
	der, err := asn1.Marshal(struct {
		Name name `asn1:"optional,tag:0"`
	}{name{[]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)}}}})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}, err
}

// list is a list by step-ca.
func (a *authority) list(number int64, entries []x509.RevocationListEntry) ([]byte, error) {
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now,
		NextUpdate: now.Add(7 * 24 * time.Hour), RevokedCertificateEntries: entries}
	if a.point != "" {
		point, err := distributionPoint(a.point)
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = []pkix.Extension{point}
	}
	res, err := a.cas.CreateCRL(&apiv1.CreateCRLRequest{RevocationList: template})
	if err != nil {
		return nil, fmt.Errorf("making list %d: %w", number, err)
	}
	return res.CRL, nil
}

func (a *authority) lists(dir, stage string, number int64, entries []x509.RevocationListEntry) error {
	der, err := a.list(number, entries)
	if err != nil {
		return err
	}
	return write(dir, filepath.Join(stage, "sub.crl"), der)
}

// A shards is Boulder's issuer, which makes its lists in parts.
type shards struct {
	issuer  *issuance.Issuer
	profile *issuance.CRLProfile
}

func boulderIssuer(dir, url string) (*shards, error) {
	issuer, err := issuance.LoadIssuer(issuance.IssuerConfig{
		IssuerURL: url + "/cert/sub.cer", CRLURLBase: url + "/crl/sub/", CRLShards: 2,
		Location: issuance.IssuerLoc{File: filepath.Join(dir, "private/sub.key"),
			CertFile: filepath.Join(dir, "private/sub.pem")},
	}, clock.New())
	if err != nil {
		return nil, fmt.Errorf("loading Boulder's issuer: %w", err)
	}
	profile, err := issuance.NewCRLProfile(issuance.CRLProfileConfig{
		ValidityInterval: config.Duration{Duration: 7 * 24 * time.Hour},
		MaxBackdate:      config.Duration{Duration: time.Hour}})
	return &shards{issuer, profile}, err
}

// lists writes both parts as Boulder's storer names them; what is revoked is on the first.
func (s *shards) lists(dir, stage string, number int64, entries []x509.RevocationListEntry) error {
	for shard := range int64(2) {
		der, err := s.issuer.IssueCRL(s.profile, &issuance.CRLRequest{Number: big.NewInt(number), Shard: shard,
			ThisUpdate: time.Now().UTC().Truncate(time.Second), Entries: entries})
		if err != nil {
			return fmt.Errorf("making shard %d of list %d: %w", shard, number, err)
		}
		if err := write(dir, filepath.Join(stage, fmt.Sprintf("%d.crl", shard)), der); err != nil {
			return err
		}
		entries = nil
	}
	return nil
}
