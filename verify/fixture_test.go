//go:build integration

package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/document"
	"seihon/verify"
	"seihon/verify/report"
)

// reportPage is the page of a recorded report, whose times, keys and digests do not change from run to run. A clean one
// has no finding.
func reportPage(t *testing.T, clean bool) []byte {
	t.Helper()
	var r report.Report
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join("testdata", "golden", "report.json"))), &r); err != nil {
		t.Fatalf("parsing the recorded report: %v", err)
	}
	if clean {
		r.OK, r.Findings, r.Omitted, r.Copies[0].Extra = true, nil, nil, 0
	}
	verify.Judge(&r)
	var b bytes.Buffer
	check(r.WriteHTML(&b))
	return b.Bytes()
}

// TestRecordedReportAgrees wants the recorded report to say one thing in all its tables.
func TestRecordedReportAgrees(t *testing.T) {
	t.Parallel()
	var r report.Report
	check(json.Unmarshal(must(os.ReadFile(filepath.Join("testdata", "golden", "report.json"))), &r))
	unlisted := 0
	for _, p := range r.Copies {
		if !p.Listed {
			unlisted++
		}
		if p.Size != r.Log.Size {
			t.Errorf("%s promises %d entries of %d, and no finding says so", p.Source, p.Size, r.Log.Size)
		}
	}
	for what, pair := range map[string][2]int64{
		"known checkpoints":                        {int64(r.Scope.Known), int64(r.Log.Known)},
		"known checkpoints of the publication log": {int64(r.Scope.KnownOfPublication), int64(r.Publication.Known)},
		"copies":                      {int64(r.Scope.Copies), int64(len(r.Copies))},
		"copies that were not listed": {int64(r.Scope.Unlisted), int64(unlisted)},
		"entries":                     {r.Log.Size, r.Counts.Entries},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d in one table and %d in another", what, pair[0], pair[1])
		}
	}
}

// indexPage is the public front page of a repository whose keys are the same in every run: an Ed25519 signature has no
// randomness.
func indexPage(t *testing.T) []byte {
	t.Helper()
	at := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	rootName := pkix.Name{Country: []string{"JP"}, Organization: []string{"見本認証株式会社"}, CommonName: "Example Root CA G1"}
	subName := pkix.Name{Country: []string{"JP"}, Organization: []string{"見本認証株式会社"},
		CommonName: "Example Qualified Signature CA 2026"}
	rootKey := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	subKey := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	authority := func(serial int64, name, issuer pkix.Name, pub ed25519.PublicKey) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: name, NotBefore: at,
			NotAfter: at.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
		parent := &x509.Certificate{Subject: issuer, SubjectKeyId: []byte{1}}
		return must(x509.CreateCertificate(nil, template, parent, pub, rootKey))
	}
	list := func(url, kind, issuer, number string, days int) document.IndexCRL {
		return document.IndexCRL{URL: url, Kind: kind, Issuer: issuer, Number: number, ThisUpdate: at,
			NextUpdate: at.AddDate(0, 0, days)}
	}
	page, err := document.IndexPage(document.IndexData{
		Title: "Example Repository", TitleJA: "見本リポジトリ", Operator: "見本認証株式会社", Updated: at,
		Certificates: []document.IndexCertificate{
			{URL: "cert/root.cer",
				DER: authority(0x1f2e3d4c5b6a7988, rootName, rootName, rootKey.Public().(ed25519.PublicKey))},
			{URL: "cert/sub.cer",
				DER: authority(0x2f2e3d4c5b6a7988, subName, rootName, subKey.Public().(ed25519.PublicKey))},
		},
		CRLs: []document.IndexCRL{list("crl/root-arl.crl", "arl", "root", "4", 90),
			list("crl/sub.crl", "crl", "sub", "1312", 3), list("crl/sub-delta.crl", "delta-crl", "sub", "1313", 1)},
		OCSP: []string{"http://repository.example/ocsp"},
		Documents: []document.Version{{Name: "cps", Version: "1.2", Title: "認証業務規程（CP/CPS）", Effective: at,
			Digest: artifact.Sum([]byte("cps")), URL: "docs/cps-1.2.pdf", Signature: "docs/cps-1.2.pdf.p7s"},
			{Name: "pds", Version: "1.0", Title: "利用者向け開示文書", Effective: at, Digest: artifact.Sum([]byte("pds")),
				URL: "docs/pds-1.0.pdf"}},
		Origin: origin,
		Keys: []string{origin +
			"+8481e9d9+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLJUPdCsVfKEkOOFA3QrnMCpO1ZIkvNR4AVBkGkwxCcTLX2z9rG/XMxSVK8RAUTSHMlR9wn1gQMWjWwZKsz6FH8="},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page
}
