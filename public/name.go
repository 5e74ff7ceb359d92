package public

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"seihon/artifact"
)

// A Name is a public name taken apart. The zero value of a field means that the name has no such part.
type Name struct {
	// Kind is what the name promises. It is empty for cert/<label>.cer only: whether that is the
	// certificate of a CA or of a responder is known to its content.
	Kind artifact.Kind

	Label   string          // the issuer of a list, a generation or a link; else the name before the extension
	Sharded bool            // of a part of a list
	Shard   int             // which part
	History bool            // of an archived list
	Number  string          // the CRL number of an archived list; the place of a link certificate; decimal
	Serial  string          // of a subscriber's certificate or of a response; hex of the INTEGER's octets
	Hash    crypto.Hash     // of a response: the algorithm of its CertID
	KeyHash string          // of a response: the issuer's key under Hash; hex
	Digest  artifact.Digest // of a bundle or a manifest
	Tile    TilePath        // of a tile
}

// Names that have no parts.
const (
	Checkpoint = "log/checkpoint"
	Index      = "index.html"
)

// Responses is the folder of everything that answers for single certificates.
const Responses = "ocsp/"

// Escape is a name as the path of a URL: its segments are escaped and the slashes stay (RFC 3986, 3.3).
func Escape(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// List is the name of an issuer's list of a kind: CRL, ARL or DeltaCRL.
func List(issuer string, kind artifact.Kind) string {
	return Name{Kind: kind, Label: issuer}.String()
}

// Shard is the name of one part of an issuer's list.
func Shard(issuer string, shard int) string {
	return Name{Kind: artifact.CRL, Label: issuer, Sharded: true, Shard: shard}.String()
}

// Archived is the name under which the list with a CRL number stays when newer ones replace it.
func Archived(issuer string, number *big.Int) string {
	return Name{Kind: artifact.CRL, Label: issuer, History: true, Number: number.String()}.String()
}

// Certificate is the name of the certificate of a CA or a responder.
func Certificate(label string) string { return Name{Label: label}.String() }

// Link is the name of the n-th link certificate of an issuer.
func Link(issuer string, n int) string {
	return Name{Kind: artifact.LinkCertificate, Label: issuer, Number: strconv.Itoa(n)}.String()
}

// Cross is the name of a cross certificate.
func Cross(id string) string { return Name{Kind: artifact.CrossCertificate, Label: id}.String() }

// Subscriber is the name of the certificate with this serial, the content octets of its INTEGER.
func Subscriber(serial []byte) string {
	return Name{Kind: artifact.SubscriberCertificate, Serial: hex.EncodeToString(serial)}.String()
}

// Document is the name of a document in a version.
func Document(name, version string) string {
	return Name{Kind: artifact.Document, Label: name + "-" + version}.String()
}

// Bundle is the name of the bundle of OCSP responses with this digest.
func Bundle(d artifact.Digest) string { return Name{Kind: artifact.OCSPBundle, Digest: d}.String() }

// Generation is the name of the file that names an issuer's current bundles.
func Generation(issuer string) string {
	return Name{Kind: artifact.OCSPGeneration, Label: issuer}.String()
}

// Response is the name of the answer for the serial of an issuer whose key has this hash. Both are as in a
// CertID (RFC 6960, section 4.1.1); hash must be one that [HashLabel] knows.
func Response(hash crypto.Hash, keyHash, serial []byte) string {
	return responseFolder + HashLabel(hash) + "/" + hex.EncodeToString(keyHash) + "/" + hex.EncodeToString(serial)
}

// Manifest is the name of the manifest with this digest.
func Manifest(d artifact.Digest) string { return Name{Kind: artifact.Manifest, Digest: d}.String() }

const (
	listFolder       = "crl/"
	certFolder       = "cert/"
	crossFolder      = "cert/cross/"
	subscriberFolder = "cert/subscriber/"
	docFolder        = "docs/"
	responseFolder   = Responses
	bundleFolder     = "ocsp/bundles/"
	manifestFolder   = "log/manifests/"
	tileFolder       = "log/tile/"

	listEnd       = ".crl"
	certEnd       = ".cer"
	pairEnd       = ".p7c"
	docEnd        = ".pdf"
	signatureEnd  = ".p7s"
	generationEnd = ".generation"
	pageEnd       = ".html"
	arlEnd        = "-arl"
	deltaEnd      = "-delta"
	linkPart      = "-link-"
	historyPart   = "/history/"
)

// String is the name as it stands in a URL below the base address.
func (n Name) String() string {
	switch n.Kind {
	case "":
		return certFolder + n.Label + certEnd
	case artifact.CRL:
		switch {
		case n.History:
			return listFolder + n.Label + historyPart + n.Number + listEnd
		case n.Sharded:
			return listFolder + n.Label + "/" + strconv.Itoa(n.Shard) + listEnd
		}
		return listFolder + n.Label + listEnd
	case artifact.ARL:
		return listFolder + n.Label + arlEnd + listEnd
	case artifact.DeltaCRL:
		return listFolder + n.Label + deltaEnd + listEnd
	case artifact.LinkCertificate:
		return certFolder + n.Label + linkPart + n.Number + certEnd
	case artifact.CrossCertificate:
		return crossFolder + n.Label + certEnd
	case artifact.CertificateBundle:
		return crossFolder + n.Label + pairEnd
	case artifact.SubscriberCertificate:
		return subscriberFolder + n.Serial + certEnd
	case artifact.Document:
		return docFolder + n.Label + docEnd
	case artifact.DocumentSignature:
		if page := n.Label; isPage(page) {
			return page + signatureEnd
		}
		return docFolder + n.Label + signatureEnd
	case artifact.OCSPBundle:
		return bundleFolder + n.Digest.String()
	case artifact.OCSPGeneration:
		return responseFolder + n.Label + generationEnd
	case artifact.OCSPResponse:
		return responseFolder + HashLabel(n.Hash) + "/" + n.KeyHash + "/" + n.Serial
	case artifact.Checkpoint:
		return Checkpoint
	case artifact.Manifest:
		return manifestFolder + n.Digest.String()
	case artifact.Tile:
		return tileFolder + n.Tile.String()
	case artifact.IndexPage:
		return n.Label + pageEnd
	}
	return fmt.Sprintf("no public name for a %s", n.Kind)
}

// Opaque returns the kind of an artifact whose content has no form of its own, or whose name is its
// identity, and "" for one that the content tells.
func (n Name) Opaque() artifact.Kind {
	switch n.Kind {
	case artifact.Checkpoint, artifact.Manifest, artifact.Tile, artifact.OCSPBundle, artifact.OCSPGeneration,
		artifact.IndexPage:
		return n.Kind
	}
	return ""
}

type hashLabel struct {
	hash  crypto.Hash
	label string
}

// hashLabels are the CertID algorithms that a response can be published under.
var hashLabels = []hashLabel{
	{crypto.SHA1, "s1"}, {crypto.SHA256, "s2"}, {crypto.SHA384, "s384"}, {crypto.SHA512, "s512"},
}

// HashLabel is the path segment of a CertID algorithm, "" for an algorithm that no CertID uses.
func HashLabel(h crypto.Hash) string {
	for _, l := range hashLabels {
		if l.hash == h {
			return l.label
		}
	}
	return ""
}

// InResponses reports whether a path below ocsp/ leads to where objects lie, even if there can be none: to
// a generation, or into the folder of the bundles or of a CertID algorithm. Requests in the GET form of
// RFC 6960, appendix A.1, share the folder with the objects and never look like that.
func InResponses(rest string) bool {
	top, _, nested := strings.Cut(rest, "/")
	if !nested {
		return strings.HasSuffix(rest, generationEnd)
	}
	return top+"/" == strings.TrimPrefix(bundleFolder, Responses) ||
		slices.ContainsFunc(hashLabels, func(l hashLabel) bool { return l.label == top })
}
