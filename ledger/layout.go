package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"seihon/artifact"
)

// Names inside a master directory. Everything under log/ has the layout of
// c2sp.org/tlog-tiles, with archived checkpoints beside it.
const (
	logDir        = "log"
	checkpointDir = "log/checkpoints"
	manifestDir   = "manifests"
	privateDir    = "private"
	blobDir       = "blobs"
	bundleDir     = "bundles"
	tmpDir        = ".tmp"
	lockFile      = "lock"
	indexFile     = "index.db"
)

const tileWidth = 256

// tilePath is the path of a hash tile below log/. A width of 0 or 256 means full.
func tilePath(level int, n int64, width int) string {
	return "tile/" + strconv.Itoa(level) + "/" + tileNumber(n) + partial(width)
}

// entriesPath is the path of an entry bundle below log/.
func entriesPath(n int64, width int) string { return "tile/entries/" + tileNumber(n) + partial(width) }

func partial(width int) string {
	if width == 0 || width == tileWidth {
		return ""
	}
	return ".p/" + strconv.Itoa(width)
}

// tileNumber spells n in groups of three digits, all but the last with an x.
func tileNumber(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// appendRecord adds an entry to the bytes of an entry bundle.
func appendRecord(b, record []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(record))), record...)
}

// splitBundle splits an entry bundle into exactly n entries.
func splitBundle(b []byte, n int) ([][]byte, error) {
	records := make([][]byte, 0, n)
	for range n {
		if len(b) < 2 {
			return nil, errors.New("the bundle ends too early")
		}
		size := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+size {
			return nil, errors.New("the bundle ends inside an entry")
		}
		records = append(records, b[2:2+size:2+size])
		b = b[2+size:]
	}
	if len(b) > 0 {
		return nil, errors.New("the bundle has bytes after its last entry")
	}
	return records, nil
}

// dataDir finds where the files of a master are: in the directory itself, or
// in the payload of the BagIt bag (RFC 8493, section 2.1.2) it is archived in.
func dataDir(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "bagit.txt")); err == nil {
		return filepath.Join(dir, "data")
	}
	return dir
}

func manifestPath(dir string, d artifact.Digest) string {
	return filepath.Join(dir, manifestDir, d.String()+".zst")
}

// blobPath is where the bytes of an artifact of a kind are.
func blobPath(dir string, kind artifact.Kind, d artifact.Digest) string {
	s := d.String()
	if kind == artifact.OCSPBundle {
		return filepath.Join(dir, bundleDir, s)
	}
	return filepath.Join(dir, blobDir, s[:2], s)
}

// ownBlob reports whether an artifact of a kind has a file of its own. A
// single OCSP response is a member of a bundle, which has.
func ownBlob(kind artifact.Kind) bool { return kind != artifact.OCSPResponse }
