package source

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"seihon/artifact"
	"seihon/inventory"
)

// maxCertificateFile bounds a file of certificates.
const maxCertificateFile = 64 << 20

// folder is a folder of certificate files.
type folder struct {
	info   inventory.SourceInfo
	files  fs.FS
	issuer *x509.Certificate
	kind   artifact.Kind
}

// Folder reads every file below a folder (os.DirFS) as certificates, PEM or
// DER, in the order of their names. Each must be signed by issuer. A file that
// is no certificate ends the import. The folder says which certificates exist,
// not how they stand, and unless it is declared complete a serial may be
// missing. CA certificates are recognised by their basic constraints, OCSP
// signers by their extended key usage.
func Folder(files fs.FS, issuer *x509.Certificate, o Options) inventory.Source {
	return &folder{files: files, issuer: issuer, kind: o.kind(), info: inventory.SourceInfo{
		Name: o.Name, Format: "folder", Scope: inventory.Partial, NoStatus: true, AsOf: o.AsOf}}
}

// Info describes the source.
func (f *folder) Info() inventory.SourceInfo { return f.info }

// errStop ends a walk whose consumer has left.
var errStop = errors.New("stop")

// Records walks the folder.
func (f *folder) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		digest := newRecordDigest()
		err := fs.WalkDir(f.files, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			records, err := f.file(name, e)
			if err != nil {
				return fmt.Errorf("reading certificate file %q: %w", name, err)
			}
			for n := range records {
				digest.add(&records[n])
				if !yield(records[n], nil) {
					return errStop
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(inventory.Record{}, err)
			return
		}
		f.info.Digest = digest.sum()
	}
}

// file reads the certificates of one file.
func (f *folder) file(name string, e fs.DirEntry) ([]inventory.Record, error) {
	fi, err := e.Info()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxCertificateFile {
		return nil, fmt.Errorf("it is not a regular file of at most %d octets", maxCertificateFile)
	}
	b, err := fs.ReadFile(f.files, name)
	if err != nil {
		return nil, err
	}
	blocks, err := certificateBlocks(b)
	if err != nil {
		return nil, err
	}
	var records []inventory.Record
	for _, der := range blocks {
		r, err := f.record(der)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// certificateBlocks returns the DER certificates of a file.
func certificateBlocks(b []byte) ([][]byte, error) {
	if !bytes.Contains(b, []byte("-----BEGIN")) {
		return [][]byte{b}, nil
	}
	var blocks [][]byte
	for {
		block, rest := pem.Decode(b)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			return nil, fmt.Errorf("it holds a PEM block %q, which is no certificate", block.Type)
		}
		blocks, b = append(blocks, block.Bytes), rest
	}
	if len(blocks) == 0 || bytes.Contains(b, []byte("-----BEGIN")) {
		return nil, errors.New("its PEM is damaged")
	}
	return blocks, nil
}

// record checks one certificate and describes it.
func (f *folder) record(der []byte) (inventory.Record, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return inventory.Record{}, fmt.Errorf("parsing certificate: %w", err)
	}
	if !bytes.Equal(c.RawIssuer, f.issuer.RawSubject) {
		return inventory.Record{}, fmt.Errorf("certificate %x is issued by %q, not by %q", c.SerialNumber, c.Issuer, f.issuer.Subject)
	}
	if err := f.issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		return inventory.Record{}, fmt.Errorf("certificate %x is not signed by %q: %w", c.SerialNumber, f.issuer.Subject, err)
	}
	kind := f.kind
	switch {
	case c.IsCA:
		kind = artifact.CACertificate
	case len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageOCSPSigning:
		kind = artifact.OCSPSignerCertificate
	}
	described, err := inventory.FromX509("", c, kind)
	return inventory.Record{Certificate: described, State: inventory.Issued}, err
}
