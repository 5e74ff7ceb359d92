package main

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"seihon/artifact"
	"seihon/ocspcache"
)

// certificates is how many certificates the load asks about.
const certificates = 1000

// A fixture is a CA with signed responses, laid out for every contender:
//
//	public/    generation and bundles, and single responses for nginx
//	responses  base64, a line each, for cfssl
//	index.txt  and ca.pem, ca.key for openssl
//	urls       the GET path of each request, root-urls without the /ocsp that
//	           cfssl cannot have in it; bodies: the requests in hex
//
// No request has two slashes in a row in its base64 text: cfssl answers those with
// a redirect, quickly and wrongly, and would be measured at that.
type fixture struct{ dir string }

func (f fixture) path(name ...string) string {
	return filepath.Join(append([]string{f.dir}, name...)...)
}

func newFixture(dir string) (fixture, error) {
	f := fixture{dir}
	ca, key, err := f.makeCA()
	if err != nil {
		return f, err
	}
	for range 100 { // about one key in eighty has two slashes in its hash
		if text, err := requestText(ca, big.NewInt(1)); err != nil || !strings.Contains(text, "//") {
			break
		}
		if ca, key, err = f.makeCA(); err != nil {
			return f, err
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	name, keyHash := artifact.NameHash(ca, crypto.SHA1), artifact.PublicKeyHash(ca, crypto.SHA1)
	var responses, index, urls, rootURLs, static, bodies strings.Builder
	var keys []ocspcache.Key
	var ders [][]byte
	for len(ders) < certificates {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 136))
		if err != nil {
			return f, err
		}
		encoded, err := requestText(ca, serial)
		if err != nil {
			return f, err
		}
		if strings.Contains(encoded, "//") {
			continue
		}
		request, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return f, err
		}
		der, err := ocsp.CreateResponse(ca, ca, ocsp.Response{
			Status: ocsp.Good, SerialNumber: serial, IssuerHash: crypto.SHA1, ThisUpdate: now.Add(-time.Hour),
			NextUpdate: now.Add(71 * time.Hour),
		}, key)
		if err != nil {
			return f, err
		}
		k := ocspcache.Key{Hash: crypto.SHA1, IssuerNameHash: name, IssuerKeyHash: keyHash, Serial: integer(serial)}
		keys, ders = append(keys, k), append(ders, der)
		if err := write(f.path("public", ocspcache.ObjectName(k)), der); err != nil {
			return f, err
		}
		fmt.Fprintln(&responses, base64.StdEncoding.EncodeToString(der))
		fmt.Fprintf(&index, "V\t%s\t\t%X\tunknown\t/CN=%X\n", now.Add(1000*time.Hour).Format("060102150405Z"), serial,
			serial)
		path := "/" + url.QueryEscape(encoded)
		fmt.Fprintln(&urls, "/ocsp"+path)
		fmt.Fprintln(&rootURLs, path)
		fmt.Fprintln(&static, "/"+ocspcache.ObjectName(k))
		fmt.Fprintln(&bodies, hex.EncodeToString(request))
	}
	for name, content := range map[string]*strings.Builder{"responses": &responses, "index.txt": &index, "urls": &urls,
		"root-urls": &rootURLs, "static": &static, "bodies": &bodies} {
		if err := write(f.path(name), []byte(content.String())); err != nil {
			return f, err
		}
	}
	return f, publish(f.path("public"), 1, 4, keys, ders)
}

// requestText returns the request about a serial in base64.
func requestText(ca *x509.Certificate, serial *big.Int) (string, error) {
	request, err := (&ocsp.Request{
		HashAlgorithm: crypto.SHA1, IssuerNameHash: artifact.NameHash(ca, crypto.SHA1),
		IssuerKeyHash: artifact.PublicKeyHash(ca, crypto.SHA1), SerialNumber: serial,
	}).Marshal()
	return base64.StdEncoding.EncodeToString(request), err
}

func (f fixture) makeCA() (*x509.Certificate, crypto.Signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench edge CA"}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: der},
		"ca.key": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := write(f.path(name), pem.EncodeToMemory(block)); err != nil {
			return nil, nil, err
		}
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// integer returns the content octets of a positive DER INTEGER.
func integer(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return b
}

// publish writes the bundles of a generation, and then the generation.
func publish(root string, number uint64, shards int, keys []ocspcache.Key, ders [][]byte) error {
	g := &ocspcache.Generation{Issuer: "bench", Number: number, ThisUpdate: time.Now().UTC().Truncate(time.Second)}
	for shard := range shards {
		path := filepath.Join(root, "ocsp", "bundles", "new")
		summary, err := writeBundle(path, uint16(shard), func(add func(ocspcache.Key, []byte) error) error {
			for i, k := range keys {
				if ocspcache.ShardOf(k.Serial, shards) == shard {
					if err := add(k, ders[i]); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(filepath.Dir(path), summary.Digest.String())); err != nil {
			return err
		}
		g.Bundles = append(g.Bundles, ocspcache.GenerationBundle{Shard: uint16(shard), Digest: summary.Digest,
			Size: summary.Size, Count: summary.Count, NextUpdate: summary.MinNextUpdate})
		g.NextUpdate = summary.MinNextUpdate
	}
	return write(filepath.Join(root, "ocsp", "bench.generation"), g.Body())
}

// writeBundle writes one bundle to path.
func writeBundle(path string, shard uint16,
	fill func(add func(ocspcache.Key, []byte) error) error) (ocspcache.BundleSummary, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return ocspcache.BundleSummary{}, err
	}
	f, err := os.Create(path)
	if err != nil {
		return ocspcache.BundleSummary{}, err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	w := ocspcache.NewBundleWriter(out, "bench", shard)
	if err := fill(w.Add); err != nil {
		return ocspcache.BundleSummary{}, err
	}
	summary, err := w.Close()
	if err != nil {
		return summary, err
	}
	if err := out.Flush(); err != nil {
		return summary, err
	}
	return summary, f.Close()
}

// write replaces a file.
func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
