package public

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"seihon/artifact"
)

// maxName is the longest public name, as in the ledger's manifests.
const maxName = 512

// Parse takes a public name apart. It fails for every string that is no name of the grammar.
func Parse(name string) (Name, error) {
	if len(name) > maxName {
		return Name{}, fmt.Errorf("public name %.80q: it is longer than %d characters", name, maxName)
	}
	n, err := parse(name)
	if err == nil && n.String() != name {
		err = errors.New("it is not in its one spelling")
	}
	if err != nil {
		return Name{}, fmt.Errorf("public name %.120q: %w", name, err)
	}
	return n, nil
}

// Is reports whether a string is a public name.
func Is(name string) bool {
	_, err := Parse(name)
	return err == nil
}

func parse(name string) (Name, error) {
	folder, rest, nested := strings.Cut(name, "/")
	switch {
	case !nested:
		return parsePage(name)
	case folder == "crl":
		return parseList(rest)
	case folder == "cert":
		return parseCertificate(rest)
	case folder == "docs":
		return parseDocument(rest)
	case folder == "ocsp":
		return parseOCSP(rest)
	case folder == "log":
		return parseLog(name)
	}
	return Name{}, fmt.Errorf("there is no public folder %q", folder)
}

func parsePage(name string) (Name, error) {
	if page, ok := strings.CutSuffix(name, signatureEnd); ok {
		return Name{Kind: artifact.DocumentSignature, Label: page}, checkPage(page)
	}
	return Name{Kind: artifact.IndexPage, Label: strings.TrimSuffix(name, pageEnd)}, checkPage(name)
}

func checkPage(name string) error {
	if !isPage(name) {
		return fmt.Errorf("outside the folders there are pages only, <label>%s", pageEnd)
	}
	return nil
}

func isPage(name string) bool {
	label, ok := strings.CutSuffix(name, pageEnd)
	return ok && isLabel(label)
}

func parseList(rest string) (Name, error) {
	stem, ok := strings.CutSuffix(rest, listEnd)
	if !ok {
		return Name{}, fmt.Errorf("a list ends in %s", listEnd)
	}
	n := Name{Kind: artifact.CRL}
	if issuer, number, ok := strings.Cut(stem, historyPart); ok {
		n.Label, n.History, n.Number = issuer, true, number
		return n, errors.Join(checkLabel(issuer), checkDecimal(number))
	}
	if issuer, shard, ok := strings.Cut(stem, "/"); ok {
		i, err := strconv.Atoi(shard)
		if err != nil {
			return n, fmt.Errorf("%q is not the number of a part of a list", shard)
		}
		n.Label, n.Sharded, n.Shard = issuer, true, i
		return n, errors.Join(checkLabel(issuer), checkDecimal(shard))
	}
	n.Label = stem
	if issuer, ok := strings.CutSuffix(stem, arlEnd); ok {
		n.Kind, n.Label = artifact.ARL, issuer
	} else if issuer, ok := strings.CutSuffix(stem, deltaEnd); ok {
		n.Kind, n.Label = artifact.DeltaCRL, issuer
	}
	return n, checkLabel(n.Label)
}

func parseCertificate(rest string) (Name, error) {
	if pair, ok := strings.CutSuffix(rest, pairEnd); ok {
		id, cross := strings.CutPrefix(pair, "cross/")
		if !cross {
			return Name{}, fmt.Errorf("%s files are in %s", pairEnd, crossFolder)
		}
		return Name{Kind: artifact.CertificateBundle, Label: id}, checkLabel(id)
	}
	stem, ok := strings.CutSuffix(rest, certEnd)
	if !ok {
		return Name{}, fmt.Errorf("a certificate ends in %s", certEnd)
	}
	if id, ok := strings.CutPrefix(stem, "cross/"); ok {
		return Name{Kind: artifact.CrossCertificate, Label: id}, checkLabel(id)
	}
	if serial, ok := strings.CutPrefix(stem, "subscriber/"); ok {
		return Name{Kind: artifact.SubscriberCertificate, Serial: serial}, checkSerial(serial)
	}
	if i := strings.LastIndex(stem, linkPart); i >= 0 && checkDecimal(stem[i+len(linkPart):]) == nil {
		issuer := stem[:i]
		return Name{Kind: artifact.LinkCertificate, Label: issuer, Number: stem[i+len(linkPart):]}, checkLabel(issuer)
	}
	return Name{Label: stem}, checkLabel(stem)
}

func parseDocument(rest string) (Name, error) {
	if signed, ok := strings.CutSuffix(rest, signatureEnd); ok {
		if isPage(signed) {
			return Name{}, errors.New("the signature of a page stands beside the page")
		}
		return Name{Kind: artifact.DocumentSignature, Label: signed}, checkLabel(signed)
	}
	label, ok := strings.CutSuffix(rest, docEnd)
	if !ok {
		return Name{}, fmt.Errorf("a document ends in %s and its signature in %s", docEnd, signatureEnd)
	}
	return Name{Kind: artifact.Document, Label: label}, checkLabel(label)
}

func parseOCSP(rest string) (Name, error) {
	if digest, ok := strings.CutPrefix(rest, "bundles/"); ok {
		d, err := artifact.ParseDigest(digest)
		return Name{Kind: artifact.OCSPBundle, Digest: d}, err
	}
	if issuer, ok := strings.CutSuffix(rest, generationEnd); ok {
		return Name{Kind: artifact.OCSPGeneration, Label: issuer}, checkLabel(issuer)
	}
	algorithm, rest, _ := strings.Cut(rest, "/")
	key, serial, _ := strings.Cut(rest, "/")
	for _, l := range hashLabels {
		if l.label != algorithm {
			continue
		}
		n := Name{Kind: artifact.OCSPResponse, Hash: l.hash, KeyHash: key, Serial: serial}
		if raw, err := hex.DecodeString(key); err != nil || len(raw) != l.hash.Size() ||
			hex.EncodeToString(raw) != key {
			return n, fmt.Errorf("%q is not the %v of an issuer's key in hex", key, l.hash)
		}
		return n, checkSerial(serial)
	}
	return Name{}, errors.New("it is neither a bundle, a generation nor a response")
}

func parseLog(name string) (Name, error) {
	if name == Checkpoint {
		return Name{Kind: artifact.Checkpoint}, nil
	}
	if digest, ok := strings.CutPrefix(name, manifestFolder); ok {
		d, err := artifact.ParseDigest(digest)
		return Name{Kind: artifact.Manifest, Digest: d}, err
	}
	path, ok := strings.CutPrefix(name, tileFolder)
	if !ok {
		return Name{}, errors.New("the public log has a checkpoint, tiles and manifests only")
	}
	tile, err := parseTile(path)
	return Name{Kind: artifact.Tile, Tile: tile}, err
}

func checkLabel(s string) error {
	if !isLabel(s) {
		return fmt.Errorf("%q is not a label: letters, digits, '.', '_' and '-', a letter or a digit first", s)
	}
	return nil
}

func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

// checkDecimal admits decimal numbers without leading zeros, however long: CRL numbers have up to 20 octets.
func checkDecimal(s string) error {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return fmt.Errorf("%q is not a decimal number", s)
		}
	}
	if s == "" || len(s) > 1 && s[0] == '0' {
		return fmt.Errorf("%q is not a decimal number without leading zeros", s)
	}
	return nil
}

func checkSerial(s string) error {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) == 0 || hex.EncodeToString(raw) != s {
		return fmt.Errorf("%q is not a serial number in lower-case hex", s)
	}
	if len(raw) > 1 && (raw[0] == 0 && raw[1] < 0x80 || raw[0] == 0xff && raw[1] >= 0x80) {
		return fmt.Errorf("%q has an octet too many for a DER INTEGER", s)
	}
	return nil
}
