package sectiona

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"time"
)

func idp(critical bool, value ...byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: critical,
		Value: append([]byte{0x30, byte(len(value))}, value...)}
}

func deltaOf(critical bool, base byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: critical, Value: []byte{2, 1, base}}
}

const ledgerEntry = `{"batch":{"count":1,"manifest":"00","root":"00","size":1},"time":"2026-11-24T06:00:00Z","type":"batch","v":1}`

// testFiles returns every file of testdata by name. The directory below refused is the rule that must refuse the file.
func testFiles() map[string][]byte {
	c := newCast()
	files := map[string][]byte{
		"pki/root.cer": c.root.cert.Raw, "pki/sub.cer": c.sub.cert.Raw, "pki/partner.cer": c.partner.cert.Raw,
		"pki/new-root-link.cer": c.linkNewWithOld.cert.Raw,
	}
	for _, add := range []func(*cast, map[string][]byte){keyFiles, privateFiles, certFiles, listFiles, responseFiles,
		otherFiles, allowedFiles} {
		add(c, files)
	}
	return files
}

func keyFiles(c *cast, files map[string][]byte) {
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(c.sub.key.PrivateKey))
	sec1 := must(x509.MarshalECPrivateKey(c.sub.key.PrivateKey))
	certPEM := pemOf("CERTIFICATE", c.sub.cert.Raw)
	for name, b := range map[string][]byte{
		"pkcs8.pem": pemOf("PRIVATE KEY", pkcs8), "pkcs8.der": pkcs8, "sec1.der": sec1,
		"sec1.pem": pemOf("EC PRIVATE KEY", sec1),
		"logo.png": pkcs8, "robots.txt": []byte(base64Of(pkcs8) + "\n"),
		"bundle-with-key-at-its-end.pem":  append(certPEM, pemOf("PRIVATE KEY", pkcs8)...),
		"key-as-certificate.pem":          pemOf("CERTIFICATE", pkcs8),
		"zip-with-key.zip":                zipOf("readme.txt", pemOf("PRIVATE KEY", pkcs8)),
		"backup.tar.gz":                   tarGzOf("etc/ca.key", pkcs8),
		"cps-with-attached-key.pdf":       pdfOf("", pemOf("PRIVATE KEY", pkcs8)),
		"crl-with-key-behind.crl":         append(c.sub.list(listOf{number: 7}), pkcs8...),
		"certificate-with-key-behind.cer": append(bytes.Clone(c.sub.cert.Raw), sec1...),
		"key.jwk":                         []byte(`{"crv":"P-256","d":"` + base64Of(sec1[7:39])[:43] + `","kty":"EC"}`),
	} {
		files["refused/private-key/"+name] = b
	}
	for _, name := range []string{"rsa-pkcs1.der", "rsa-pkcs1.pem", "rsa-pkcs8.der", "ec-pkcs8-pbes2.der",
		"ec-pkcs8-pkcs12pbe.der", "dsa.der", "ed25519-pkcs8.der",
		"store.p12", "store-legacy.p12", "store.JKS", "store.JCEKS", "openssh", "openssh-encrypted", "putty.ppk",
		"softhsm.object", "ec-sec1-encrypted.pem",
		"rsa-text.txt", "ec-text.txt", "gpg-rsa1024.gpg", "gpg-ed25519.gpg"} {
		files["refused/private-key/"+name] = foreignKey(name)
	}
}

func privateFiles(c *cast, files map[string][]byte) {
	csr := must(x509.CreateCertificateRequest(nil,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "Taro Denshi"}}, c.taro.key))
	for name, b := range map[string][]byte{
		"ledger-master/entry.json": []byte(ledgerEntry),
		"ledger-master/index.db":   append([]byte("SQLite format 3\x00"), make([]byte, 84)...),
		"log/signer.log": []byte(`{"level":"info","ts":"2026-11-24T06:00:00Z","msg":"list signed","number":"7"}` +
			"\n"),
		"log/access.log": []byte("192.0.2.1 - - [24/Nov/2026:06:00:00 +0900] \"GET /crl/sub.crl " +
			"HTTP/1.1\" 200 512\n"),
		"log/syslog":                    []byte("Nov 24 06:00:00 room signer[7]: PIN accepted\n"),
		"registration-data/request.csr": csr, "registration-data/request.pem": pemOf("CERTIFICATE REQUEST", csr),
		"registration-data/index.txt":      []byte("V\t361121060000Z\t\t1267\tunknown\t/C=JP/CN=Taro Denshi\n"),
		"registration-data/applicants.csv": []byte("受付番号,氏名,住所,生年月日\n1,電子太郎,東京都,1970-01-01\n"),
		"signing-logic/responder":          append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 64)...),
		"signing-logic/sign.sh":            []byte("#!/bin/sh\nopenssl ocsp -rsigner ca.pem\n"),
		"one-object/trailing-newline.crl":  append(c.sub.list(listOf{number: 7}), '\n'),
		"one-object/two-certificates.cer":  append(bytes.Clone(c.sub.cert.Raw), c.root.cert.Raw...),
		"one-object/response-and-zero.ors": append(c.sub.resign(c.sub.response(c.sub, madeAt.Add(day), false), false),
			0),
		"unrecognised/certificate.pem": pemOf("CERTIFICATE", c.sub.cert.Raw),
		"unrecognised/crl.pem":         pemOf("X509 CRL", c.sub.list(listOf{number: 7})),
		"unrecognised/empty":           {}, "unrecognised/notes.txt": []byte("call the auditor\n"),
		"unrecognised/picture.png":        append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 50)...),
		"unrecognised/error-response.ors": {0x30, 3, 0x0a, 1, 6},
		"unrecognised/archive.zip":        zipOf("readme.txt", []byte("nothing")),
		"unrecognised/truncated.crl":      c.sub.list(listOf{number: 7})[:200],
	} {
		files["refused/"+name] = b
	}
}

func certFiles(c *cast, files map[string][]byte) {
	for name, b := range map[string][]byte{
		"ca-certificate/foreign-root.cer": c.foreignRoot.cert.Raw, "ca-certificate/namesake.cer": c.foreignSub.cert.Raw,
		"link-certificate/signed-by-nobody.cer":     c.linkStray.cert.Raw,
		"cross-certificate/unknown-partner.cer":     c.crossStray.cert.Raw,
		"subscriber-consent/taro.cer":               c.taro.cert.Raw,
		"ocsp-signer-certificate/of-a-namesake.cer": c.strayDelegate.cert.Raw,
		"kind-mismatch/sub.crl":                     c.sub.cert.Raw, "not-in-ledger/sub.cer": c.sub.cert.Raw,
		"not-in-ledger/hash-tile": hashes(2),
	} {
		files["refused/"+name] = b
	}
	files["refused/certificate-bundle/with-subscriber.p7c"] = p7c(c.sub.cert, c.taro.cert)
}

func listFiles(c *cast, files map[string][]byte) {
	unsigned := c.sub.list(listOf{number: 7})
	clear(unsigned[len(unsigned)-60:]) // the signature's integers
	for name, b := range map[string][]byte{
		"crl-signature/unsigned.crl": unsigned, "crl-signature/wrong-issuer.crl": c.foreignRoot.list(listOf{number: 7}),
		"crl-signature/namesake.crl": c.foreignSub.list(listOf{number: 7}),
		"crl-scope/idp-not-critical.crl": c.sub.list(listOf{number: 7,
			exts: []pkix.Extension{idp(false, 0x81, 1, 0xff)}}),
		"crl-scope/for-nobody.crl": c.sub.list(listOf{number: 7,
			exts: []pkix.Extension{idp(true, 0x81, 1, 0xff, 0x82, 1, 0xff)}}),
		"crl-scope/indirect.crl": c.sub.list(listOf{number: 7,
			exts: []pkix.Extension{idp(true, 0x84, 1, 0xff)}}),
		"crl-scope/delta-not-critical.crl": c.sub.list(listOf{number: 7, exts: []pkix.Extension{deltaOf(false, 6)}}),
		"crl-scope/delta-to-itself.crl":    c.sub.list(listOf{number: 7, exts: []pkix.Extension{deltaOf(true, 7)}}),
		"crl-scope/unknown-critical.crl": c.sub.list(listOf{number: 7,
			exts: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 392, 1}, Critical: true,
				Value: []byte{5, 0}}}}),
		"crl-number/same-number-other-list.crl": c.sub.list(listOf{number: 8, serials: []int64{1, 2}}),
		"crl-number/older.crl":                  c.sub.list(listOf{number: 6}),
		"crl-number/earlier.crl":                c.sub.list(listOf{number: 9, this: madeAt.Add(-time.Hour)}),
		"crl-current/stale.crl": c.sub.list(listOf{number: 8, this: madeAt.Add(-2 * day),
			next: madeAt.Add(-day)}),
		"crl-current/future.crl": c.sub.list(listOf{number: 8, this: madeAt.Add(2 * day),
			next: madeAt.Add(3 * day)}),
	} {
		files["refused/"+name] = b
	}
}

func responseFiles(c *cast, files map[string][]byte) {
	good := madeAt.Add(day)
	for name, b := range map[string][]byte{
		"ocsp-nonce/nonce.ors":            c.sub.resign(c.sub.response(c.sub, good, false), true),
		"ocsp-next-update/without.ors":    c.sub.resign(c.sub.response(c.sub, time.Time{}, false), false),
		"ocsp-signature/unauthorised.ors": c.taro.resign(c.taro.response(c.sub, good, true), false),
		"ocsp-signature/delegate-of-other.ors": c.strayDelegate.resign(c.strayDelegate.response(c.sub, good, true),
			false),
		"ocsp-signature/for-foreign-ca.ors": c.foreignSub.resign(c.foreignSub.response(c.foreignSub, good, false),
			false),
		"ocsp-signature/broken.ors": c.taro.resign(c.sub.response(c.sub, good, false), false),
		"ocsp-current/stale.ors": c.sub.resign(c.sub.response(c.sub, madeAt.Add(time.Minute), false),
			false),
		"strict-static/bundle.bundle":            []byte("SEIHONB1" + "\x00\x00\x00\x00"),
		"strict-static/sub.generation":           []byte("seihon/ocsp-generation/v1\nissuer sub\n"),
		"ocsp-bundle/with-foreign-member.bundle": []byte("SEIHONB1" + "\x00\x00\x00\x01"),
	} {
		files["refused/"+name] = b
	}
}

func otherFiles(c *cast, files map[string][]byte) {
	pdf := pdfOf("", []byte("hello"))
	for name, b := range map[string][]byte{
		"document-opaque/encrypted.pdf": bytes.Replace(pdf, []byte("/Size 4"), []byte("/Size 4/Encrypt 5 0 R"),
			1),
		"document-opaque/program.pdf":          pdfOf("/OpenAction<</S/Launch/F(x.exe)>>", nil),
		"document-opaque/hidden-program.pdf":   pdfOf("/OpenAction<</S/#4caunch/F(x.exe)>>", nil),
		"document-opaque/unknown-filter.pdf":   bytes.Replace(pdf, []byte("/FlateDecode"), []byte("/FooDecode"), 1),
		"document-opaque/followed.pdf":         append(bytes.Clone(pdf), bytes.Repeat([]byte{'x'}, 3000)...),
		"document-signature/by-subscriber.p7s": detached(c.taro, []byte("the CPS")),
		"document-signature/by-responder.p7s":  detached(c.delegate, []byte("the CPS")),
		"document-signature/by-nobody.p7s":     detached(c.foreignRoot, []byte("the CPS")),
		"document-signature/other-content.p7s": detached(c.documentSigner, []byte("another CPS")),
	} {
		files["refused/"+name] = b
	}
}

func allowedFiles(c *cast, files map[string][]byte) {
	good := madeAt.Add(day)
	checkpoint := "example.com/log\n1\n" + base64Of(make([]byte, 32)) + "\n\n\u2014 example.com/log " +
		base64Of(make([]byte, 68)) + "\n"
	tile := append(binary.BigEndian.AppendUint16(nil, uint16(len(ledgerEntry))), ledgerEntry...)
	for name, b := range map[string][]byte{
		"ca-certificate/root.cer": c.root.cert.Raw, "ca-certificate/sub.cer": c.sub.cert.Raw,
		"ca-certificate/new-root.cer":       c.newRoot.cert.Raw,
		"link-certificate/new-with-old.cer": c.linkNewWithOld.cert.Raw,
		"cross-certificate/out.cer":         c.crossOut.cert.Raw, "cross-certificate/in.cer": c.crossIn.cert.Raw,
		"ocsp-signer-certificate/delegate.cer": c.delegate.cert.Raw,
		"certificate-bundle/chain.p7c":         p7c(c.sub.cert, c.root.cert, c.crossOut.cert),
		"crl/sub.crl":                          c.sub.list(listOf{number: 8, serials: []int64{1, 2, 300}}),
		"arl/root-arl.crl": c.root.list(listOf{number: 8,
			exts: []pkix.Extension{idp(true, 0x82, 1, 0xff)}}),
		"arl/root-without-idp.crl": c.root.list(listOf{number: 8}),
		"delta-crl/sub-delta.crl":  c.sub.list(listOf{number: 8, exts: []pkix.Extension{deltaOf(true, 6)}}),
		"crl/final.crl": c.sub.list(listOf{number: 8,
			next: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}),
		"ocsp-response/by-issuer.ors": c.sub.resign(c.sub.response(c.sub, good, false), false),
		"ocsp-response/delegated.ors": c.delegate.resign(c.delegate.response(c.sub, good, true), false),
		"document/unsigned.pdf":       pdfOf("", []byte("an attachment")),
		"document-signature/cps.p7s":  detached(c.documentSigner, []byte("the CPS")),
		"index-page/index.html":       []byte("<!DOCTYPE html>\n<html lang=\"ja\"><title>リポジトリ</title></html>\n"),
		"fingerprint-page/prints.html": []byte("<!DOCTYPE html>\n<html lang=\"ja\"><meta name=\"seihon-page\" " +
			"content=\"fingerprints\"><title>フィンガープリント</title></html>\n"),
		"checkpoint/checkpoint": []byte(checkpoint), "tile/entries": tile, "tile/hashes": hashes(3),
		"manifest/manifest":              []byte("seihon/manifest/v2\n"),
		"ocsp-generation/sub.generation": []byte("seihon/ocsp-generation/v1\nissuer sub\n"),
	} {
		files["allowed/"+name] = b
	}
}

// hashes is a hash tile of n entries.
func hashes(n int) (tile []byte) {
	for i := range n {
		h := sha256.Sum256([]byte{byte(i)})
		tile = append(tile, h[:]...)
	}
	return tile
}
