//go:build integration

package hsmsign_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"seihon/hsmsign/cert"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/document"
	"seihon/hsmsign/ocsp"
	"seihon/hsmsign/token"
	"seihon/hsmsign/token/tokentest"
)

var update = flag.Bool("update", false, "write the tables of docs/clients.md that TestAlgorithms makes")

// A scheme is a kind of key in the token and how it signs; its hashes are what it is tried with.
type scheme struct {
	name, key, signature string // the last is the profile's name of it, without the hash
	pss                  bool
	hashes               []crypto.Hash
}

var sha2 = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

var schemes = []scheme{
	{"P-256", "p256", "ecdsa", false, sha2}, {"P-384", "p384", "ecdsa", false, sha2},
	{"P-521", "p521", "ecdsa", false, sha2},
	{"RSA 2048, PKCS #1", "rsa2048", "rsa", false, sha2}, {"RSA 3072, PKCS #1", "rsa3072", "rsa", false, sha2},
	{"RSA 4096, PKCS #1", "rsa4096", "rsa", false, sha2},
	{"RSA 2048, PSS", "rsa2048", "rsa-pss", true, sha2}, {"RSA 3072, PSS", "rsa3072", "rsa-pss", true, sha2},
	{"RSA 4096, PSS", "rsa4096", "rsa-pss", true, sha2},
	{"Ed25519", "ed25519", "ed25519", false, []crypto.Hash{0}},
	{"ML-DSA-44", "ml-dsa-44", "ml-dsa", false, []crypto.Hash{0}},
	{"ML-DSA-65", "ml-dsa-65", "ml-dsa", false, []crypto.Hash{0}},
	{"ML-DSA-87", "ml-dsa-87", "ml-dsa", false, []crypto.Hash{0}},
}

func (s scheme) isMLDSA() bool { return s.signature == "ml-dsa" }

// options are what a key is asked for.
func (s scheme) options(h crypto.Hash) crypto.SignerOpts {
	switch {
	case h == 0:
		return nil
	case s.pss:
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	}
	return h
}

// profileName is what a profile calls it.
func (s scheme) profileName(h crypto.Hash) string {
	if h == 0 {
		return s.signature
	}
	return fmt.Sprintf("%s-sha%d", s.signature, 8*h.Size())
}

// A made is one of each artifact, all signed by one scheme with one hash, in files of a folder.
type made struct {
	t   *testing.T
	dir string
}

var sampleOfCPS = document.SamplePDF("CPS", "1.0", []string{"1 Introduction"})

// make signs with keys of the token: a CA's own certificate, a subscriber's, a list, a response, and a document in both
// ways.
func (s scheme) make(t *testing.T, tok *token.Token, h crypto.Hash) made {
	t.Helper()
	m := made{t, t.TempDir()}
	now := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	caKey, signerKey := keyOf(t, tok, s.key+"-ca", s.key), keyOf(t, tok, s.key+"-document", s.key)
	issue := func(profile string, r cert.Request) *x509.Certificate {
		p, ok := cert.Builtin(profile)
		if !ok {
			t.Fatalf("no profile %s", profile)
		}
		p.SignatureAlgorithm = s.profileName(h)
		r.Profile, r.Signer, r.Now = p, caKey, func() time.Time { return now }
		if profile == "subscriber" { // pdfsig would ask the responder that the document signer's names
			r.URLs = cert.URLs{CRL: []string{"http://repo.example/crl/ca.crl"},
				OCSP: []string{"http://repo.example/ocsp"}, CAIssuers: []string{"http://repo.example/cert/ca.cer"}}
		}
		var err error
		if r.Serial, err = cert.NewSerial(); err != nil {
			t.Fatal(err)
		}
		der, err := cert.Issue(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", profile, err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	name := func(text string) cert.Name {
		n, err := cert.ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	ca := issue("root", cert.Request{Subject: name("C=JP, O=Example, CN=CA")})
	subscriberKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "subscriber"}}, subscriberKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue("subscriber", cert.Request{Issuer: ca, CSR: csr, Subject: name("C=JP, O=Example, CN=Taro")})
	signer := issue("document-signer",
		cert.Request{Issuer: ca, PublicKey: signerKey.Public(), Subject: name("C=JP, O=Example, CN=Document Signer")})
	m.pem("ca.pem", ca.Raw)
	m.pem("leaf.pem", leaf.Raw)
	m.pem("chain.pem", leaf.Raw, ca.Raw)

	var list bytes.Buffer
	entries := func(yield func(crl.Entry, error) bool) {
		yield(crl.Entry{Serial: []byte{0x10}, Time: now, Reason: crl.KeyCompromise}, nil)
	}
	template := crl.Template{Issuer: ca, Number: big.NewInt(7), ThisUpdate: now, NextUpdate: now.Add(96 * time.Hour)}
	if _, err := crl.Encode(t.Context(), &list, template, entries, caKey,
		crl.Options{Signature: s.options(h)}); err != nil {
		t.Fatal(err)
	}
	m.write("ca.crl", list.Bytes())
	m.write("ca.crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list.Bytes()}))

	responder, err := ocsp.NewEncoder(ca, nil, caKey, ocsp.Policy{CertID: ocsp.CertID("sha1"), Signature: s.options(h)})
	if err != nil {
		t.Fatal(err)
	}
	responses, err := responder.Sign(t.Context(), ocsp.Status{Serial: leaf.SerialNumber.Bytes()}, now,
		now.Add(72*time.Hour))
	if err != nil || len(responses) != 1 {
		t.Fatalf("%d responses: %v", len(responses), err)
	}
	m.write("leaf.ocsp", responses[0].DER)

	request := func() document.Request {
		return document.Request{Content: bytes.NewReader(sampleOfCPS), Certificate: signer,
			Chain: []*x509.Certificate{ca}, Signer: signerKey, Options: s.options(h), SigningTime: now}
	}
	p7s, err := document.SignDetached(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := document.SignPDF(t.Context(), request(),
		document.Reason{Name: "Example", Reason: "CPS", Location: "Tokyo"})
	if err != nil {
		t.Fatal(err)
	}
	m.write("cps.pdf", sampleOfCPS)
	m.write("cps.p7s", p7s)
	m.write("signed.pdf", signed)
	return m
}

// keyOf finds a key of the token, or makes it.
func keyOf(t *testing.T, tok *token.Token, label, algorithm string) *token.Key {
	t.Helper()
	key, err := tok.Signer(t.Context(), token.KeySpec{Label: label})
	if err != nil {
		key, err = tok.GenerateKey(t.Context(), label, algorithm)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (m made) path(name string) string { return filepath.Join(m.dir, name) }

func (m made) read(name string) []byte {
	m.t.Helper()
	b, err := os.ReadFile(m.path(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

func (m made) write(name string, content []byte) {
	m.t.Helper()
	if err := os.WriteFile(m.path(name), content, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m made) pem(name string, ders ...[]byte) {
	var b []byte
	for _, der := range ders {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	m.write(name, b)
}

// says runs a program in the folder, and reports whether it succeeds and says all of these.
func (m made) says(want []string, program string, args ...string) bool {
	m.t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		m.t.Fatalf("%s not found: run make tools", program)
	}
	c := exec.CommandContext(m.t.Context(), program, args...)
	c.Dir = m.dir
	out, err := c.CombinedOutput()
	return err == nil && !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(string(out), s) })
}

// nss runs a program of NSS with a database that trusts the CA. A CA that NSS does not take in is one that it does not
// accept.
func (m made) nss(want []string, program string, args ...string) bool {
	m.t.Helper()
	db := m.t.TempDir()
	if !m.says(nil, "certutil", "-N", "-d", "sql:"+db, "--empty-password") {
		m.t.Fatal("certutil makes no database")
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DB", db)
	}
	return m.says(nil, "certutil", "-A", "-d", "sql:"+db, "-n", "ca", "-t", "CT,C,C", "-a", "-i", "ca.pem") &&
		m.says(want, program, args...)
}

// A judge is a client and how it is asked about an artifact; the file is what it has to refuse when it was changed.
type judge struct {
	artifact, client, command, file string
	accepts                         func(m made) bool
}

// judges are all that can be asked about a file. Java is asked about all of them at once (javaJudges).
var judges = []judge{
	{"certificate", "OpenSSL", "openssl verify -x509_strict", "leaf.pem", func(m made) bool {
		return m.says([]string{"leaf.pem: OK"}, "openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile",
			"ca.pem", "leaf.pem")
	}},
	{"certificate", "GnuTLS", "certtool --verify", "chain.pem", func(m made) bool {
		return m.says([]string{"Verified. The certificate is trusted."}, "certtool", "--verify",
			"--load-ca-certificate", "ca.pem", "--infile", "chain.pem")
	}},
	{"certificate", "NSS", "vfychain", "leaf.pem", func(m made) bool {
		return m.nss([]string{"Chain is good!"}, "vfychain", "-d", "sql:DB", "-pp", "-u", "4", "-a", "leaf.pem")
	}},
	{"certificate", "Go", "crypto/x509 Verify", "leaf.pem", func(m made) bool {
		leaf, ca := m.certificate("leaf.pem"), m.certificate("ca.pem")
		if leaf == nil || ca == nil {
			return false
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}},
	{"CRL", "OpenSSL", "openssl crl -CAfile", "ca.crl", func(m made) bool {
		return m.says([]string{"verify OK"}, "openssl", "crl", "-inform", "DER", "-in", "ca.crl", "-CAfile", "ca.pem",
			"-noout")
	}},
	{"CRL", "GnuTLS", "certtool --verify-crl", "ca.crl.pem", func(m made) bool {
		return m.says([]string{"Verified"}, "certtool", "--verify-crl", "--infile", "ca.crl.pem",
			"--load-ca-certificate", "ca.pem")
	}},
	{"CRL", "NSS", "crlutil -I", "ca.crl", func(m made) bool {
		return m.nss(nil, "crlutil", "-I", "-d", "sql:DB", "-t", "1", "-i", "ca.crl")
	}},
	{"CRL", "Go", "crypto/x509 CheckSignatureFrom", "ca.crl", func(m made) bool {
		list, err := x509.ParseRevocationList(m.read("ca.crl"))
		ca := m.certificate("ca.pem")
		return err == nil && ca != nil && list.CheckSignatureFrom(ca) == nil
	}},
	{"OCSP response", "OpenSSL", "openssl ocsp -respin", "leaf.ocsp", func(m made) bool {
		return m.says([]string{"Response verify OK", "leaf.pem: good"}, "openssl", "ocsp", "-respin", "leaf.ocsp",
			"-CAfile", "ca.pem", "-issuer", "ca.pem", "-cert", "leaf.pem")
	}},
	{"OCSP response", "GnuTLS", "ocsptool --verify-response", "leaf.ocsp", func(m made) bool {
		return m.says([]string{"Verifying OCSP Response: Success."}, "ocsptool", "--verify-response", "--load-response",
			"leaf.ocsp", "--load-signer", "ca.pem", "--load-issuer", "ca.pem", "--load-cert", "leaf.pem")
	}},
	{"OCSP response", "Go", "x/crypto/ocsp", "leaf.ocsp", func(m made) bool {
		_, err := xocsp.ParseResponseForCert(m.read("leaf.ocsp"), m.certificate("leaf.pem"), m.certificate("ca.pem"))
		return err == nil
	}},
	{"CP/CPS, detached", "OpenSSL", "openssl cms -verify", "cps.p7s", func(m made) bool {
		return m.says([]string{"erification successful"}, "openssl", "cms", "-verify", "-binary", "-inform", "DER",
			"-in", "cps.p7s", "-content", "cps.pdf", "-CAfile", "ca.pem", "-cades", "-out", os.DevNull)
	}},
	{"CP/CPS, detached", "GnuTLS", "certtool --p7-verify", "cps.p7s", func(m made) bool {
		return m.says([]string{"Signature status: ok"}, "certtool", "--p7-verify", "--inder", "--infile", "cps.p7s",
			"--load-data", "cps.pdf", "--load-ca-certificate", "ca.pem")
	}},
	{"CP/CPS, detached", "NSS", "cmsutil -D -c", "cps.p7s", func(m made) bool {
		return m.nss(nil, "cmsutil", "-D", "-d", "sql:DB", "-i", "cps.p7s", "-c", "cps.pdf", "-o", os.DevNull)
	}},
	{"CP/CPS, in the PDF", "NSS", "pdfsig", "signed.pdf", func(m made) bool {
		return m.nss([]string{"Signature is Valid.", "Certificate is Trusted.", "Total document signed"}, "pdfsig",
			"-nssdir", "DB", "signed.pdf")
	}},
	{"certificate", newOpenSSL, "X509Certificate.verify", "leaf.pem",
		func(m made) bool { return m.nodeAccepts("certificate", "leaf.pem") }},
	{"CRL", newOpenSSL, "crypto.verify", "ca.crl", func(m made) bool { return m.nodeAccepts("crl", "ca.crl") }},
	{"OCSP response", newOpenSSL, "crypto.verify", "leaf.ocsp",
		func(m made) bool { return m.nodeAccepts("ocsp", "leaf.ocsp") }},
	{"CP/CPS, detached", newOpenSSL, "crypto.verify", "cps.p7s",
		func(m made) bool { return m.nodeAccepts("cms", "cps.p7s", "cps.pdf") }},
	{"certificate", "Java", "CertPathValidator", "leaf.pem", nil},
	{"CRL", "Java", "X509CRL.verify", "ca.crl", nil},
	{"OCSP response", "Java", "PKIXRevocationChecker", "leaf.ocsp", nil},
	{"CP/CPS, detached", "Java", "sun.security.pkcs", "cps.p7s", nil},
}

// newOpenSSL is OpenSSL 3.5, which Node.js has in it. It is asked about ML-DSA only: the older one says enough of the
// others.
const newOpenSSL = "OpenSSL 3.5 (Node.js 26)"

func (j judge) asked(s scheme) bool { return j.client != newOpenSSL || s.isMLDSA() }

func (m made) nodeAccepts(kind string, files ...string) bool {
	m.t.Helper()
	script, err := filepath.Abs("testdata/accepts.mjs")
	if err != nil {
		m.t.Fatal(err)
	}
	return m.says([]string{"accepted"}, "node-mldsa", append([]string{script, kind, "ca.pem"}, files...)...)
}

func (m made) certificate(name string) *x509.Certificate {
	block, _ := pem.Decode(m.read(name))
	if block == nil {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return c
}

// java asks Java about the artifacts of all folders in one process.
func java(t *testing.T, all []made) func(artifact string, m made) bool {
	t.Helper()
	args := []string{"--add-exports", "java.base/sun.security.pkcs=ALL-UNNAMED", "testdata/Accepts.java"}
	for _, m := range all {
		args = append(args, m.dir)
	}
	out, err := exec.CommandContext(t.Context(), "java", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("java: %v\n%s", err, out)
	}
	return func(artifact string, m made) bool {
		yes, no := strings.Contains(string(out), m.dir+" "+artifact+" yes\n"),
			strings.Contains(string(out), m.dir+" "+artifact+" no")
		if yes == no {
			t.Errorf("Java does not say what it makes of the %s in %s:\n%s", artifact, m.dir, out)
		}
		return yes
	}
}

// changed is a copy of what was made in which one file has another signature: a bit of its last octets is flipped.
func (m made) changed(file string) made {
	m.t.Helper()
	other := made{m.t, m.t.TempDir()}
	if err := os.CopyFS(other.dir, os.DirFS(m.dir)); err != nil {
		m.t.Fatal(err)
	}
	b := m.read(file)
	switch {
	case file == "signed.pdf":
		b[100] ^= 1 // a signed octet
	case strings.HasSuffix(file, ".pem"):
		block, rest := pem.Decode(b)
		block.Bytes[len(block.Bytes)-5] ^= 1
		b = append(pem.EncodeToMemory(block), rest...)
	default:
		b[len(b)-5] ^= 1
	}
	other.write(file, b)
	return other
}

// TestAlgorithms shows one of each artifact, signed in the token in every way, to the clients, and keeps the tables of
// docs/clients.md what they say. Each client must refuse the same artifact with a changed signature, or its word is
// worth nothing.
func TestAlgorithms(t *testing.T) {
	tok, pq := tokentest.New(t), tokentest.MLDSA(t)
	folders := map[string]made{}
	var all []made
	for _, s := range schemes {
		for _, h := range s.hashes {
			of := tok
			if s.isMLDSA() {
				of = pq
			}
			m := s.make(t, of, h)
			folders[s.profileName(h)+s.key] = m
			all = append(all, m)
		}
	}
	good, goodMLDSA := folders["ecdsa-sha256p256"], folders["ml-dsaml-dsa-65"]
	bad, badMLDSA := map[string]made{}, map[string]made{}
	for _, j := range judges {
		bad[j.file], badMLDSA[j.file] = good.changed(j.file), goodMLDSA.changed(j.file)
	}
	for _, m := range bad {
		all = append(all, m)
	}
	askJava := java(t, all)
	accepts := func(j judge, m made) bool {
		if j.accepts == nil {
			return askJava(j.artifact, m)
		}
		return j.accepts(m)
	}
	for _, j := range judges {
		yes, no, scheme := accepts(j, good), accepts(j, bad[j.file]), "P-256"
		if j.client == newOpenSSL {
			yes, no, scheme = accepts(j, goodMLDSA), accepts(j, badMLDSA[j.file]), "ML-DSA-65"
		}
		if !yes || no {
			t.Errorf("%s, %s (%s): what it says of %s with a good signature: %v, with a changed one: %v", j.client,
				j.artifact, j.command, scheme, yes, no)
		}
	}
	checkTables(t,
		tables(func(j judge, s scheme, h crypto.Hash) bool { return accepts(j, folders[s.profileName(h)+s.key]) }))
}

const tablesHead = `
# Algorithms

Which clients accept what is signed with which key, scheme and hash. TestAlgorithms makes these tables: it signs one of each artifact with keys in a token (SoftHSM; for ML-DSA a module that the test builds) and shows them
to each client, which also has to refuse the same artifact with a changed signature. It fails on a table that is not what it saw. To write them again:
` + "`go test -tags integration -run TestAlgorithms ./hsmsign -update`" + `.

The numbers are the SHA-2 hashes that the client accepts; **no** means none, – that it was not asked. In the configuration: ` + "`key.algorithm`, `key.pss`, `key.hash`" + `.
`

const tablesTail = `
- An OCSP response cannot be given to NSS in a file; what its programs ask for is in the table above. Programs that are not in a table have no means to check the artifact.
- GnuTLS 3.7, NSS 3.87, OpenSSL 3.0, Java 17. Newer ones may know more. OpenSSL 3.5 is the one in Node.js 26 from the npm registry; what is signed is cut out of the DER by a
  script of ours, hsmsign/testdata/accepts.mjs.
`

// tables writes a table for each artifact: a row for each scheme, a column for each client.
func tables(accepts func(judge, scheme, crypto.Hash) bool) string {
	var b strings.Builder
	b.WriteString(tablesHead)
	for _, artifact := range []string{"certificate", "CRL", "OCSP response", "CP/CPS, detached", "CP/CPS, in the PDF"} {
		var columns []judge
		for _, client := range []string{"OpenSSL", newOpenSSL, "GnuTLS", "Java", "NSS", "Go"} {
			if i := slices.IndexFunc(judges,
				func(j judge) bool { return j.artifact == artifact && j.client == client }); i >= 0 {
				columns = append(columns, judges[i])
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n| key and scheme |", strings.ToUpper(artifact[:1])+artifact[1:])
		for _, j := range columns {
			fmt.Fprintf(&b, " %s `%s` |", j.client, j.command)
		}
		b.WriteString("\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
		for _, s := range schemes {
			fmt.Fprintf(&b, "| %s |", s.name)
			for _, j := range columns {
				answer := "–"
				if j.asked(s) {
					answer = cell(s, func(h crypto.Hash) bool { return accepts(j, s, h) })
				}
				fmt.Fprintf(&b, " %s |", answer)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString(tablesTail)
	return b.String()
}

func cell(s scheme, accepts func(crypto.Hash) bool) string {
	var words []string
	for _, h := range s.hashes {
		switch {
		case !accepts(h):
		case h == 0:
			words = append(words, "yes")
		default:
			words = append(words, fmt.Sprint(8*h.Size()))
		}
	}
	if len(words) == 0 {
		return "**no**"
	}
	return strings.Join(words, " ")
}

// checkTables compares the end of docs/clients.md, or writes it.
func checkTables(t *testing.T, want string) {
	t.Helper()
	path := filepath.Join("..", "docs", "clients.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(page), "\n# Algorithms\n")
	if *update {
		if err := os.WriteFile(path, []byte(before+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !found || string(page) != before+want {
		t.Errorf("%s is not what the clients did; want:\n%s", path, want)
	}
}
