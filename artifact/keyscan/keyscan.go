// Package keyscan looks for private key material anywhere inside a byte string.
//
// Section A of the report forbids keys in the cloud in any wrapping, so the search finds what a tolerant decoder would
// find, and what it cannot look into it does not clear: Report.Opaque then says which part that is and what to do.
//
// # Keys
//
// Bare or encrypted DER and BER (PKCS#8, PKCS#1, SEC1, DSA, PKCS#12) at any offset, also with the end cut off; PEM of
// any label and wrapping; OpenSSH, PuTTY, SSH2, OpenPGP (armoured and binary), GnuPG's S-expressions, JSON Web Keys and
// COSE keys, XML keys, Java key stores that hold a key, the objects of PKCS#11 token stores (SoftHSM in files and
// SQLite, NSS), Microsoft's blobs, age, minisign, DNSSEC and note keys; and text dumps of keys as openssl, certtool and
// asn1parse print them.
//
// # Wrappings
//
// Text: base64 in both alphabets, base32 and hexadecimal in lines of any length, quoted, commented, with colons or
// other separators, as C arrays, hex dumps with or without addresses; octets and words as numbers in base two, eight
// and ten, in lists, columns and tables of a page; backslash, percent, entity and quoted-printable escapes; uuencode,
// yEnc, base85 in three alphabets, base58 and a decimal number of up to 32,768 digits, in one word or in lines; program
// images (Intel hex, Motorola S); UTF-16. Data: zip (deflate, bzip2, LZMA, xz, zstd), gzip, bzip2, xz and zstd at any
// offset; zlib, raw deflate and lzma where a file, a stream or an attachment begins; tar and what else stores its
// members as they are. PNG: texts and profile. PDF: every object, see package pdf; strings, names and streams each, and
// the text of pages as it reads after its fonts' ToUnicode tables.
//
// # Limits
//
// MaxDepth wrappings, MaxUnpacked bytes of unpacked data, and pdf.MaxObjects; what goes beyond is opaque, and so are
// 7z, RAR and other archives that are not opened, encrypted archives and messages, damaged archives and streams,
// unknown filters, and attachments of unknown form. Not read are pictures (no character recognition; their bytes are
// searched as they stand), text drawn with a font that does not say what its glyphs mean, key material without any
// structure (a scalar of 32 octets with nothing around it, in whatever base), larger numbers, base58 and base85 between
// other characters or in lines that say more than that, and what was hidden on purpose (ROT13 and other ciphers,
// reversed or interleaved bytes).
//
// A form is recognised by its structure and not by a few bytes, since the alarm tells a CA to treat a key as
// compromised.
package keyscan

import (
	"bytes"
	"fmt"
	"io"
)

// A Finding says where key material was found.
type Finding struct {
	What   string // such as "PKCS#8 private key"
	Offset int    // in the innermost container
	Within string // the containers around it, outermost first, such as "zip entry > base64 text"; empty at the top
}

// String returns the finding as one phrase.
func (f *Finding) String() string {
	if f.Within == "" {
		return fmt.Sprintf("%s at byte %d", f.What, f.Offset)
	}
	return fmt.Sprintf("%s at byte %d of %s", f.What, f.Offset, f.Within)
}

// A Report is what one search found.
type Report struct {
	// Key is the first key material that was found, or nil.
	Key *Finding
	// Opaque says what could not be looked into, and what to do about it. It is empty when everything could.
	Opaque string
	// Encrypted and Launches hold, for a PDF document, the object that makes it encrypted and the one that starts a
	// program. A trailer is "the trailer".
	Encrypted, Launches string
}

// Limits of one search. A hostile file cannot make it unpack more than this; a file that would is not cleared but
// reported.
const (
	// MaxDepth is how many wrappings may lie one in the other.
	MaxDepth = 8
	// MaxUnpacked is how many bytes may be read and written by unpacking, in all.
	MaxUnpacked = 512 << 20
	// maxLayer is how many bytes one wrapping may give out, and with it the memory that one takes.
	maxLayer = 64 << 20
)

// A scanner looks for key material in one byte string and everything packed inside it.
type scanner struct {
	budget     int64         // bytes that may still be read or written by unpacking
	stopped    bool          // the budget is used up
	path       []string      // the containers around what is scanned now
	attachment int           // how many of them are attachments, whose form must be known
	flate      io.ReadCloser // for all raw deflate data
	report     Report
}

// Find looks for private key material anywhere in b. It returns nil when there is none. The error says that b holds
// something that could not be looked into, so that nothing can be said.
func Find(b []byte) (*Finding, error) {
	r := Scan(b)
	if r.Key == nil && r.Opaque != "" {
		return nil, fmt.Errorf("looking for private keys: %s", r.Opaque)
	}
	return r.Key, nil
}

// Scan is Find with everything that was noticed on the way.
func Scan(b []byte) Report {
	s := &scanner{budget: MaxUnpacked}
	s.report.Key = s.scan(b)
	return s.report
}

// scan looks into b: for keys that lie open, for encoded text, and for packed data.
func (s *scanner) scan(b []byte) *Finding {
	if f := findOpen(b); f != nil {
		return f
	}
	text := hasText(b)
	if f := s.scanText(b, text); f != nil {
		return f
	}
	return s.scanPacked(b, text)
}

// findOpen looks for keys that no wrapping hides.
func findOpen(b []byte) *Finding {
	if f := findDER(b); f != nil {
		return f
	}
	if f := findPGP(b); f != nil {
		return f
	}
	if f := findStores(b); f != nil {
		return f
	}
	return findText(b)
}

// inside scans what was taken out of a container and adds the container to the finding.
func (s *scanner) inside(container string, b []byte) *Finding {
	if len(b) == 0 || s.stopped {
		return nil
	}
	s.path = append(s.path, container)
	defer func() { s.path = s.path[:len(s.path)-1] }()
	if len(s.path) > MaxDepth {
		s.opaque(fmt.Sprintf("it is packed more than %d times over; publish what is inside instead", MaxDepth))
		return nil
	}
	return wrap(s.scan(b), container)
}

// wrap adds a container to a finding, if there is one.
func wrap(f *Finding, container string) *Finding {
	switch {
	case f == nil:
	case f.Within == "":
		f.Within = container
	default:
		f.Within = container + " > " + f.Within
	}
	return f
}

// opaque records that something could not be looked into. The first reason counts, but the search for keys goes on.
func (s *scanner) opaque(reason string) {
	if s.report.Opaque != "" {
		return
	}
	for i := len(s.path) - 1; i >= 0; i-- {
		reason = s.path[i] + ": " + reason
	}
	s.report.Opaque = reason
}

// spend takes n bytes from the budget and reports whether any is left.
func (s *scanner) spend(n int) bool {
	if s.budget -= int64(n); s.budget < 0 && !s.stopped {
		s.stopped = true
		s.opaque(fmt.Sprintf("it unpacks to more than the %d MiB that this search may hold; publish smaller parts",
			MaxUnpacked>>20))
	}
	return s.budget >= 0
}

// each calls f with every offset at which word occurs in b, until f finds something.
func each(b []byte, word string, f func(at int) *Finding) *Finding {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte(word))
		if i < 0 {
			return nil
		}
		at += i
		if found := f(at); found != nil {
			return found
		}
	}
}
