package ocspcache

import (
	"encoding/hex"
	"io"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The unsigned answers of RFC 6960 section 4.2.1, DER SEQUENCE { ENUMERATED }.
var (
	bodyMalformed    = []byte{0x30, 0x03, 0x0a, 0x01, 0x01}
	bodyTryLater     = []byte{0x30, 0x03, 0x0a, 0x01, 0x03}
	bodyUnauthorized = []byte{0x30, 0x03, 0x0a, 0x01, 0x06}
)

// posts holds buffers for the bodies of POST requests.
var posts = sync.Pool{New: func() any { return new([maxPOSTRequest + 1]byte) }}

// serveOCSP answers one OCSP request.
func (h *Handler) serveOCSP(w http.ResponseWriter, r *http.Request, rest string) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		var buf [maxGETRequest]byte
		if der, ok := decodeGET(&buf, rest); ok {
			h.answerDER(w, r, der)
			return
		}
	case http.MethodPost:
		buf := posts.Get().(*[maxPOSTRequest + 1]byte)
		defer posts.Put(buf)
		if der, ok := readPOST(buf, r); ok {
			h.answerDER(w, r, der)
			return
		}
		// The rest of an oversize body is not worth reading.
		w.Header().Set("Connection", "close")
	default:
		notAllowed(w, "GET, HEAD, POST")
		return
	}
	h.metrics.count(r.Method, 0, outcomeMalformed)
	writeError(w, r, bodyMalformed)
}

// readPOST reads a body into buf. The Content-Type is not looked at: real clients
// leave it out.
func readPOST(buf *[maxPOSTRequest + 1]byte, r *http.Request) ([]byte, bool) {
	if r.ContentLength > maxPOSTRequest {
		return nil, false
	}
	n, err := io.ReadFull(r.Body, buf[:])
	// A full buffer, which is no error, is an octet more than a request may have.
	return buf[:n], err == io.EOF || err == io.ErrUnexpectedEOF
}

// answerDER answers a decoded request.
func (h *Handler) answerDER(w http.ResponseWriter, r *http.Request, der []byte) {
	q, err := ParseRequest(der)
	if err != nil {
		h.metrics.count(r.Method, 0, outcomeMalformed)
		writeError(w, r, bodyMalformed)
		return
	}
	hash := idOf(q.Key.Hash)
	if q.Several {
		// Answering one of several would look like an answer to all.
		h.metrics.count(r.Method, hash, outcomeUnauthorized)
		writeError(w, r, bodyUnauthorized)
		return
	}
	view := h.source.Acquire()
	defer view.Release()
	stored, finding := view.Lookup(q.Key)
	now := h.now()
	switch {
	case finding == Missing:
		h.metrics.count(r.Method, hash, outcomeUnauthorized)
		writeError(w, r, bodyUnauthorized)
	case finding == Unavailable || now.Unix() >= stored.NextUpdate:
		h.withhold(w, r, q.Key, stored, finding, now)
	default:
		h.writeStored(w, r, hash, stored, q.Nonce, now.Unix())
	}
}

// withhold answers tryLater for a response that exists but must not be given out.
func (h *Handler) withhold(w http.ResponseWriter, r *http.Request, k Key, s Stored, finding Finding, now time.Time) {
	h.metrics.count(r.Method, idOf(k.Hash), outcomeTryLater)
	if finding == Found {
		h.metrics.expired.Inc()
	}
	if h.alarm(now.Unix()) {
		h.logger.Error("ocsp responses are past their nextUpdate or damaged: clients get tryLater",
			zap.String("serial", hex.EncodeToString(k.Serial)),
			zap.Time("next_update", time.Unix(s.NextUpdate, 0).UTC()), zap.Bool("damaged", finding == Unavailable))
	}
	writeError(w, r, bodyTryLater)
}

// writeStored gives out a stored response with the header fields of RFC 9919
// section 6.
func (h *Handler) writeStored(w http.ResponseWriter, r *http.Request, hash hashID, s Stored, nonce bool, now int64) {
	fields := newFields(s, h.age(s, now), nonce && r.Method != http.MethodPost)
	header := w.Header()
	fields.set(header)
	if r.Method != http.MethodPost && notModified(r.Header, fields.values[fieldETag], s.ThisUpdate) {
		delete(header, "Content-Length")
		delete(header, "Content-Type")
		h.metrics.count(r.Method, hash, outcomeNotModified)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.metrics.count(r.Method, hash, outcomeSuccessful)
	if r.Method != http.MethodHead {
		_, _ = w.Write(s.DER) // the client is gone, nobody is left to tell
	}
}

// overdueAge is the max-age of a response whose planned replacement is late.
const overdueAge = 60

// age returns the max-age of a response in seconds: bounded by the configured
// maximum, by nextUpdate less a margin, and by the planned replacement, since a
// cache that keeps the old answer beyond it would hide a revocation.
func (h *Handler) age(s Stored, now int64) int64 {
	cadence := h.cadence
	if cadence == 0 {
		cadence = (s.NextUpdate - s.ThisUpdate) / 2
	}
	planned := s.ThisUpdate + cadence - now
	if planned <= 0 {
		planned = overdueAge
	}
	return max(0, min(h.maxAge, planned, s.NextUpdate-now-h.margin))
}

var (
	valueOCSP        = []string{"application/ocsp-response"}
	valueUncacheable = []string{"no-cache, no-store, max-age=0"}
	valueErrorLength = []string{"5"}
)

// writeError gives out an unsigned answer, which says nothing about a certificate
// and which no cache may keep (RFC 9919 section 6). r is nil when it is unknown.
func writeError(w http.ResponseWriter, r *http.Request, body []byte) {
	header := w.Header()
	header["Content-Type"] = valueOCSP
	header["Content-Length"] = valueErrorLength
	header["Cache-Control"] = valueUncacheable
	if r == nil || r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client is gone, nobody is left to tell
	}
}

// notAllowed answers a method that a resource does not have (RFC 9110 section
// 15.5.6).
func notAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	w.Header().Set("Cache-Control", valueUncacheable[0])
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
}
