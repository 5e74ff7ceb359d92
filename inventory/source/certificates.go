package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"

	"seihon/artifact"
	"seihon/internal/unwrap"
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
	only   string // one file instead of all
	odd    func(c, by *x509.Certificate) string
}

// Folder reads every file below a folder (os.DirFS) as certificates: DER, PEM or
// bare base64, in the order of their names. Each must be signed by issuer, whose
// key the caller knows from elsewhere. A file that is no certificate ends the
// import; what file managers leave behind (.DS_Store, Thumbs.db, names that begin
// with a dot) is passed over and counted. The folder says which certificates
// exist, not how they stand, and a serial may be missing. CA certificates are
// recognised by their basic constraints, OCSP signers by their extended key usage.
func Folder(files fs.FS, issuer *x509.Certificate, o Options) inventory.Source {
	return &folder{files: files, issuer: issuer, kind: o.kind(), odd: o.Irregular, info: inventory.SourceInfo{
		Name: o.Name, Format: "folder", Scope: inventory.Partial, NoStatus: true, AsOf: o.AsOf}}
}

// File is Folder for one file, which is read whatever its name.
func File(files fs.FS, name string, issuer *x509.Certificate, o Options) inventory.Source {
	f := Folder(files, issuer, o).(*folder)
	f.only = name
	return f
}

// Info describes the source.
func (f *folder) Info() inventory.SourceInfo { return f.info }

// errStop ends a walk whose consumer has left.
var errStop = errors.New("stop")

// leftBehind reports whether a name is one that file managers make by themselves.
func leftBehind(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") && base != "." || strings.EqualFold(base, "Thumbs.db") ||
		strings.EqualFold(base, "desktop.ini")
}

// Records walks the folder.
func (f *folder) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		digest := newRecordDigest()
		root := "."
		if f.only != "" {
			root = f.only
		}
		err := fs.WalkDir(f.files, root, func(name string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case name == f.only:
			case leftBehind(name) && e.IsDir():
				f.info.Skipped++
				return fs.SkipDir
			case leftBehind(name):
				f.info.Skipped++
				return nil
			case e.IsDir():
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			records, err := f.file(name, e)
			if err != nil {
				return fmt.Errorf("reading certificate file %q: %w", name, err)
			}
			for n := range records {
				records[n].File = name
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
	blocks, err := unwrap.Blocks(b, "CERTIFICATE", "X509 CERTIFICATE")
	if err != nil {
		return nil, err
	}
	var records []inventory.Record
	for _, der := range blocks {
		r := newRecord(f.kind)
		r.DER, r.State = der, inventory.Issued
		if err := fromCertificate(&r, f.issuer, f.odd); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// fromCertificate holds a record's certificate against its issuer and against what else the record says, and takes from
// it what the record leaves out. The signature proves what no file can claim: that the CA issued this very certificate.
func fromCertificate(r *inventory.Record, issuer *x509.Certificate, odd func(c, by *x509.Certificate) string) error {
	c, err := artifact.ParseCertificate(r.DER)
	if err != nil {
		return fmt.Errorf("parsing certificate: %w", err)
	}
	if err := artifact.CheckIssued(c, issuer); err != nil {
		return err
	}
	if odd != nil {
		if why := odd(c, issuer); why != "" {
			return errors.New(why)
		}
	}
	serial := artifact.SerialBytes(c)
	switch {
	case r.Serial != nil && string(r.Serial) != string(serial):
		return fmt.Errorf("serial %x: its certificate has the serial %x", r.Serial, serial)
	case !r.NotBefore.IsZero() && !r.NotBefore.Equal(c.NotBefore):
		return fmt.Errorf("serial %x: not_before is %s, its certificate says %s", serial, stamp(r.NotBefore),
			stamp(c.NotBefore))
	case !r.NotAfter.IsZero() && !r.NotAfter.Equal(c.NotAfter):
		return fmt.Errorf("serial %x: not_after is %s, its certificate says %s", serial, stamp(r.NotAfter),
			stamp(c.NotAfter))
	}
	if isCA := r.Kind == artifact.CACertificate || r.Kind == artifact.LinkCertificate ||
		r.Kind == artifact.CrossCertificate; isCA && !c.IsCA {
		return fmt.Errorf("serial %x: it is called a %s, but its certificate is of no CA", serial, r.Kind)
	}
	r.Serial, r.NotBefore, r.NotAfter, r.Proven = serial, c.NotBefore.UTC(), c.NotAfter.UTC(), true
	if r.Subject == "" {
		r.Subject = c.Subject.String()
	}
	switch {
	case c.IsCA:
		r.Kind = artifact.CACertificate
	case len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageOCSPSigning:
		r.Kind = artifact.OCSPSignerCertificate
	}
	return nil
}

// signed is a source whose rows may carry certificates.
type signed struct {
	inventory.Source
	issuer func() (*x509.Certificate, error)
	odd    func(c, by *x509.Certificate) string
}

// Signed returns s with each certificate that a row carries (the column certificate) checked like those of Folder.
// issuer is asked for the CA's certificate when the first one comes.
func Signed(s inventory.Source, issuer func() (*x509.Certificate, error), o Options) inventory.Source {
	return &signed{s, issuer, o.Irregular}
}

// Records checks on the way through.
func (s *signed) Records(ctx context.Context) iter.Seq2[inventory.Record, error] {
	return func(yield func(inventory.Record, error) bool) {
		var ca *x509.Certificate
		for r, err := range s.Source.Records(ctx) {
			if err == nil && r.DER != nil && !r.Proven {
				if ca == nil {
					ca, err = s.issuer()
				}
				if err == nil {
					if err = fromCertificate(&r, ca, s.odd); err != nil {
						err = r.At(s.Info().Format, err)
					}
				}
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
