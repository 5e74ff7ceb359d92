package public

import (
	"crypto"
	"math/big"
	"strings"
	"testing"

	"seihon/artifact"
)

var (
	testDigest = artifact.Sum([]byte("x"))
	sha1Key    = strings.Repeat("0a", 20)
	sha256Key  = strings.Repeat("0b", 32)
)

// names has every form of the grammar once.
var names = map[string]Name{
	"crl/sub.crl":                  {Kind: artifact.CRL, Label: "sub"},
	"crl/sub-arl.crl":              {Kind: artifact.ARL, Label: "sub"},
	"crl/sub-delta.crl":            {Kind: artifact.DeltaCRL, Label: "sub"},
	"crl/sub/0.crl":                {Kind: artifact.CRL, Label: "sub", Sharded: true},
	"crl/sub/3.crl":                {Kind: artifact.CRL, Label: "sub", Sharded: true, Shard: 3},
	"crl/sub/history/3.crl":        {Kind: artifact.CRL, Label: "sub", History: true, Number: "3"},
	"cert/sub.cer":                 {Label: "sub"},
	"cert/a-link-b.cer":            {Label: "a-link-b"},
	"cert/sub-link-2.cer":          {Kind: artifact.LinkCertificate, Label: "sub", Number: "2"},
	"cert/cross/bridge.cer":        {Kind: artifact.CrossCertificate, Label: "bridge"},
	"cert/cross/bridge.p7c":        {Kind: artifact.CertificateBundle, Label: "bridge"},
	"cert/subscriber/00ff.cer":     {Kind: artifact.SubscriberCertificate, Serial: "00ff"},
	"docs/cps-1.2.pdf":             {Kind: artifact.Document, Label: "cps-1.2"},
	"docs/cps-1.2.pdf.p7s":         {Kind: artifact.DocumentSignature, Label: "cps-1.2.pdf"},
	"docs/cps-1.2.p7s":             {Kind: artifact.DocumentSignature, Label: "cps-1.2"},
	"ocsp/bundles/" + digestText(): {Kind: artifact.OCSPBundle, Digest: testDigest},
	"ocsp/sub.generation":          {Kind: artifact.OCSPGeneration, Label: "sub"},
	"ocsp/s1/" +
		sha1Key + "/00ff": {Kind: artifact.OCSPResponse, Hash: crypto.SHA1, KeyHash: sha1Key, Serial: "00ff"},
	"ocsp/s2/" +
		sha256Key + "/01": {Kind: artifact.OCSPResponse, Hash: crypto.SHA256, KeyHash: sha256Key, Serial: "01"},
	"log/checkpoint":                 {Kind: artifact.Checkpoint},
	"log/manifests/" + digestText():  {Kind: artifact.Manifest, Digest: testDigest},
	"log/tile/0/000":                 {Kind: artifact.Tile, Tile: TilePath{Width: 256}},
	"log/tile/1/x001/x234/067.p/255": {Kind: artifact.Tile, Tile: TilePath{Level: 1, Index: 1234067, Width: 255}},
	"log/tile/entries/x001/000.p/1":  {Kind: artifact.Tile, Tile: TilePath{Entries: true, Index: 1000, Width: 1}},
	"index.html":                     {Kind: artifact.IndexPage, Label: "index"},
	"index.html.p7s":                 {Kind: artifact.DocumentSignature, Label: "index.html"},
}

func digestText() string { return artifact.Sum([]byte("x")).String() }

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range names {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		if want.String() != text {
			t.Errorf("%+v is written %s, want %s", want, want, text)
		}
	}
}

func TestNotNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", ".", "..", "/", "crl", "crl/", "crl/.crl", "crl/..crl", "crl//a.crl", "/crl/a.crl", "crl/../crl/a.crl",
		"crl/a.CRL", "crl/a+b.crl", "crl/a b.crl", "crl/あ.crl", "crl/a.crl\x00", "crl/a\n.crl", "crl/.a.crl",
		"crl/-a.crl",
		"crl/a/b.crl", "crl/a/03.crl", "crl/a/-1.crl", "crl/a/+1.crl", "crl/a/99999999999999999999.crl",
		"crl/a/1/2.crl",
		"crl/a/history/.crl", "crl/a/history/01.crl", "crl/a/history/x.crl", "crl/a/history/1/2.crl", "crl/-arl.crl",
		"crl/access.log", "cert/a.pem", "cert/a.p7c", "cert/cross/a/b.cer", "cert/other/a.cer", "cert/-link-1.cer",
		"cert/subscriber/0.cer", "cert/subscriber/FF.cer", "cert/subscriber/.cer", "cert/subscriber/zz.cer",
		"cert/subscriber/0001.cer", "cert/subscriber/ffff.cer",
		"docs/a.zip", "docs/.htaccess", "docs/a/b.pdf", "docs/.pdf", "docs/.p7s", "docs/index.html.p7s",
		"ocsp/bundles/", "ocsp/bundles/large", "ocsp/bundles/" + strings.ToUpper(digestText()), "ocsp/.generation",
		"ocsp/a/b.generation", "ocsp/s3/" + sha1Key + "/01", "ocsp/s1/" + sha256Key + "/01", "ocsp/s1/" + sha1Key,
		"ocsp/s1/" + sha1Key + "/", "ocsp/s1/" + sha1Key + "/1", "ocsp/s1/" + sha1Key + "/01/02",
		"ocsp/s1/" + strings.ToUpper(sha1Key) + "/01", "ocsp/MEI%3D",
		"log/", "log/checkpoints/1", "log/checkpoint/", "log/manifests/x", "log/tile/", "log/tile/0", "log/tile/0/",
		"log/tile/0/0", "log/tile/0/x000/000", "log/tile/0/x001", "log/tile/0/001/000", "log/tile/00/000",
		"log/tile/64/000",
		"log/tile/0/000.p/0", "log/tile/0/000.p/256", "log/tile/0/000.p/01", "log/tile/data/000", "log/tile/-1/000",
		"log/tile/0/x999/x999/x999/x999/x999/x999/999", "a.txt", ".html", "a.p7s", "blobs/00/" + digestText(),
		"index.db",
		"crl/" + strings.Repeat("a", 600) + ".crl",
	} {
		if n, err := Parse(name); err == nil {
			t.Errorf("%q is taken for %+v", name, n)
		} else if Is(name) {
			t.Errorf("%q is a name and is none", name)
		}
	}
}

func TestMakers(t *testing.T) {
	t.Parallel()
	serial := []byte{0, 0xff}
	for want, got := range map[string]string{
		"crl/sub-arl.crl":   List("sub", artifact.ARL),
		"crl/sub-delta.crl": List("sub", artifact.DeltaCRL),
		"crl/sub.crl":       List("sub", artifact.CRL),
		"crl/sub/7.crl":     Shard("sub", 7),
		"crl/sub/history/18446744073709551616.crl": Archived("sub", new(big.Int).Lsh(big.NewInt(1), 64)),
		"cert/sub.cer":                  Certificate("sub"),
		"cert/sub-link-1.cer":           Link("sub", 1),
		"cert/cross/bridge.cer":         Cross("bridge"),
		"cert/subscriber/00ff.cer":      Subscriber(serial),
		"docs/cps-1.0.pdf":              Document("cps", "1.0"),
		"ocsp/bundles/" + digestText():  Bundle(testDigest),
		"ocsp/sub.generation":           Generation("sub"),
		"ocsp/s1/" + sha1Key + "/00ff":  Response(crypto.SHA1, []byte(strings.Repeat("\x0a", 20)), serial),
		"log/manifests/" + digestText(): Manifest(testDigest),
		"docs/cps-1.0.pdf.p7s":          Signature("docs/cps-1.0.pdf"),
	} {
		if got != want {
			t.Errorf("made %s, want %s", got, want)
		}
		if !Is(want) {
			t.Errorf("%s cannot be read back", want)
		}
	}
}

// TestHistoryIsAWord: a part of a list is no archived list, whatever number the list in it has.
func TestHistoryIsAWord(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"crl/sub/3.crl": false, "crl/history/3.crl": false,
		"crl/sub/history/3.crl": true} {
		n, err := Parse(name)
		if err != nil || n.History != want {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

func TestDocumentsAndSignatures(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"docs/cps-1.2.pdf", "docs/a.pdf"} {
		for _, sig := range Signatures(doc) {
			if back := Signed(sig); back[0] != doc && back[1] != doc {
				t.Errorf("%s is the signature of %v, not of %s", sig, back, doc)
			}
			if n, err := Parse(sig); err != nil || n.Kind != artifact.DocumentSignature {
				t.Errorf("%s is %+v, %v", sig, n, err)
			}
		}
	}
	n, _ := Parse("docs/cps-1.2.pdf")
	if v, ok := n.Version("cps"); !ok || v != "1.2" {
		t.Errorf("the version is %q, %v", v, ok)
	}
	if _, ok := n.Version("cp"); ok {
		t.Error("a version of another document")
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]artifact.Kind{
		"crl/sub.crl": "", "cert/sub.cer": "", "docs/a.pdf": "", "index.html": artifact.IndexPage,
		"ocsp/sub.generation": artifact.OCSPGeneration, "log/tile/0/000": artifact.Tile,
	} {
		if n, err := Parse(name); err != nil || n.Opaque() != want {
			t.Errorf("%s: %q, %v", name, n.Opaque(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for name := range names {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, err := Parse(name)
		if err != nil {
			return
		}
		if n.String() != name {
			t.Errorf("%q is read as %+v, which is written %q", name, n, n)
		}
	})
}
