package public

import (
	"strconv"
	"time"

	"seihon/artifact"
)

// A Header is the HTTP metadata of a published artifact. Zero times mean that the field is absent.
type Header struct {
	ContentType  string
	CacheControl string
	Expires      time.Time
	LastModified time.Time
}

// contentTypes is the one table of media types: RFC 2585 section 4, RFC 6960 appendix A, RFC 8551 section 3.2.
var contentTypes = map[artifact.Kind]string{
	artifact.CACertificate: "application/pkix-cert", artifact.LinkCertificate: "application/pkix-cert",
	artifact.CrossCertificate:      "application/pkix-cert",
	artifact.SubscriberCertificate: "application/pkix-cert", artifact.OCSPSignerCertificate: "application/pkix-cert",
	artifact.CertificateBundle: "application/pkcs7-mime",
	artifact.CRL:               "application/pkix-crl", artifact.ARL: "application/pkix-crl",
	artifact.DeltaCRL:     "application/pkix-crl",
	artifact.OCSPResponse: "application/ocsp-response",
	artifact.Document:     "application/pdf", artifact.DocumentSignature: "application/pkcs7-signature",
	artifact.IndexPage: "text/html; charset=utf-8", artifact.FingerprintPage: "text/html; charset=utf-8",
	artifact.Checkpoint: "text/plain; charset=utf-8", artifact.OCSPGeneration: "text/plain; charset=utf-8",
	artifact.Manifest: "text/plain; charset=utf-8", // published uncompressed
}

// The longest time a cache may keep an artifact. Names that carry a digest, a number or a tree position never change,
// the others follow the signing cadence, and the pointers of the repository are always asked for again.
const (
	immutableAge = 365 * 24 * time.Hour
	versionedAge = 7 * 24 * time.Hour
	stableAge    = 24 * time.Hour
	listAge      = time.Hour
	responseAge  = 12 * time.Hour
	pointerAge   = time.Minute
)

// HeaderFor returns the metadata of an artifact of kind k at now. For dated artifacts thisUpdate and nextUpdate bound
// every answer: a copy that a cache took at the last moment before the next signing (thisUpdate + cadence) must not
// outlive nextUpdate, so max-age is at most nextUpdate - thisUpdate - cadence, and at most nextUpdate - now.
func HeaderFor(k artifact.Kind, thisUpdate, nextUpdate, now time.Time, cadence time.Duration) Header {
	h := Header{ContentType: contentTypes[k], LastModified: thisUpdate.UTC().Truncate(time.Second)}
	if thisUpdate.IsZero() {
		h.LastModified = time.Time{}
	}
	if h.ContentType == "" {
		h.ContentType = "application/octet-stream"
	}
	switch k {
	case artifact.OCSPBundle, artifact.Tile, artifact.Manifest:
		// A bundle past its nextUpdate is still the content of its name; who serves responses from it checks freshness.
		h.CacheControl = "public, max-age=" + seconds(immutableAge) + ", immutable"
	case artifact.Document, artifact.DocumentSignature:
		h.CacheControl = "public, max-age=" + seconds(versionedAge)
	case artifact.Checkpoint, artifact.OCSPGeneration:
		h.CacheControl = "public, no-transform, must-revalidate, max-age=" +
			seconds(maxAge(pointerAge, thisUpdate, nextUpdate, now, 0))
	case artifact.CRL, artifact.ARL, artifact.DeltaCRL:
		if h.dated(listAge, thisUpdate, nextUpdate, now, cadence); !h.Expires.IsZero() {
			// A cache that knows Expires alone shall not keep a list for days which others keep for an hour.
			// RFC 9919 section 6 wants nextUpdate there for responses; nothing does for lists.
			h.Expires = now.Add(maxAge(listAge, thisUpdate, nextUpdate, now, cadence)).UTC().Truncate(time.Second)
		}
	case artifact.OCSPResponse:
		h.dated(responseAge, thisUpdate, nextUpdate, now, cadence)
	case artifact.IndexPage, artifact.FingerprintPage:
		h.CacheControl = "public, must-revalidate, max-age=" + seconds(listAge)
	case artifact.CACertificate, artifact.LinkCertificate, artifact.CrossCertificate, artifact.SubscriberCertificate,
		artifact.OCSPSignerCertificate, artifact.CertificateBundle:
		h.CacheControl = "public, max-age=" + seconds(maxAge(stableAge, time.Time{}, nextUpdate, now, 0))
	default:
		h.CacheControl = "no-store"
	}
	return h
}

// dated fills the fields of an artifact that has a nextUpdate (RFC 9919 section 6: public, no-transform,
// must-revalidate).
func (h *Header) dated(most time.Duration, thisUpdate, nextUpdate, now time.Time, cadence time.Duration) {
	if artifact.Final(nextUpdate) {
		h.CacheControl = "public, no-transform, must-revalidate, max-age=" + seconds(stableAge)
		return
	}
	h.Expires = nextUpdate.UTC().Truncate(time.Second)
	age := maxAge(most, thisUpdate, nextUpdate, now, cadence)
	h.CacheControl = "public, no-transform, must-revalidate, max-age=" + seconds(age)
}

func maxAge(most time.Duration, thisUpdate, nextUpdate, now time.Time, cadence time.Duration) time.Duration {
	age := most
	if !nextUpdate.IsZero() && !artifact.Final(nextUpdate) {
		age = min(age, nextUpdate.Sub(now)-time.Second) // RFC 9919 section 6: now + max-age is before nextUpdate
		if !thisUpdate.IsZero() && cadence > 0 {
			age = min(age, nextUpdate.Sub(thisUpdate)-cadence)
		}
	}
	return max(age, 0)
}

// MaxAge is the longest time that a cache may go on answering with an artifact of kind k after another took its place.
func MaxAge(k artifact.Kind) time.Duration {
	switch k {
	case artifact.CRL, artifact.ARL, artifact.DeltaCRL, artifact.IndexPage, artifact.FingerprintPage:
		return listAge
	case artifact.OCSPResponse:
		return responseAge
	case artifact.Document, artifact.DocumentSignature:
		return versionedAge
	case artifact.Checkpoint, artifact.OCSPGeneration:
		return pointerAge
	}
	return stableAge
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
