package ocsp

import (
	"crypto"
	"hash"
	"time"

	"seihon/hsmsign/internal/der"
)

// basicResponse is the OCTET-STRING-less head of ResponseBytes: id-pkix-ocsp-basic as a DER element.
var basicResponse = []byte{der.OID, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1}

// extendedRevoke is the responseExtensions field with the extension of RFC 6960 section 4.4.8:
// [1] { SEQUENCE OF { SEQUENCE { id-pkix-ocsp-extended-revoke, OCTET STRING { NULL } } } }.
var extendedRevoke = []byte{0xa1, 19, der.Sequence, 17, der.Sequence, 15,
	der.OID, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 9, der.OctetString, 2, der.Null, 0}

// archiveHead is singleExtensions with id-pkix-ocsp-archive-cutoff up to its GeneralizedTime.
var archiveHead = []byte{0xa1, 34, der.Sequence, 32, der.Sequence, 30,
	der.OID, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 6, der.OctetString, der.GeneralizedTimeSize}

const (
	timeSize    = der.GeneralizedTimeSize
	reasonSize  = 5             // [0] EXPLICIT ENUMERATED
	nextSize    = 2 + timeSize  // [0] EXPLICIT GeneralizedTime
	archiveSize = 19 + timeSize // archiveHead and its time
	holdReason  = 6             // certificateHold
)

// neverIssuedAt is the revocation time that RFC 6960 section 2.2 prescribes for certificates which were never issued.
var neverIssuedAt = time.Unix(0, 0)

// scratch is what one goroutine uses again for each response.
type scratch struct {
	tbs  []byte
	hash hash.Hash
	sum  []byte
}

func newScratch() *scratch {
	return &scratch{tbs: make([]byte, 0, 512), sum: make([]byte, 0, 64)}
}

// digest returns the hash of message, valid until the next call.
func (b *scratch) digest(h crypto.Hash, message []byte) []byte {
	if b.hash == nil {
		b.hash = h.New()
	}
	b.hash.Reset()
	b.hash.Write(message)
	b.sum = b.hash.Sum(b.sum[:0])
	return b.sum
}

// single is what the SingleResponses of one response share.
type single struct {
	state     State
	revokedAt time.Time
	reason    int // above 0 when written
	cutoff    time.Time
}

// single resolves what j means under the encoder's policy.
func (e *Encoder) single(j *Job) single {
	s := single{state: j.State, revokedAt: j.RevokedAt, reason: j.Reason, cutoff: e.cutoff(j.ThisUpdate)}
	if j.State == NeverIssued {
		s.revokedAt, s.reason = neverIssuedAt, holdReason
	}
	return s
}

// cutoff returns the archive cutoff of a response produced at thisUpdate; zero for none.
func (e *Encoder) cutoff(thisUpdate time.Time) time.Time {
	if e.retention > 0 {
		return thisUpdate.Add(-e.retention)
	}
	return e.archiveCutoff
}

// statusContent returns the length of the content of certStatus.
func (s *single) statusContent() int {
	switch {
	case s.state != Revoked && s.state != NeverIssued:
		return 0
	case s.reason > 0:
		return timeSize + reasonSize
	default:
		return timeSize
	}
}

// size returns the length of the content of the SingleResponse under n.
func (s *single) size(n *name, serial []byte) int {
	size := der.Size(len(n.prefix)+der.Size(len(serial))) + der.Size(s.statusContent()) + timeSize + nextSize
	if !s.cutoff.IsZero() {
		size += archiveSize
	}
	return size
}

// append appends the SingleResponse under n.
func (s *single) append(b []byte, n *name, j *Job) []byte {
	b = der.AppendHeader(b, der.Sequence, s.size(n, j.Serial))
	b = der.AppendHeader(b, der.Sequence, len(n.prefix)+der.Size(len(j.Serial)))
	b = append(b, n.prefix...)
	b = der.Append(b, der.Integer, j.Serial)
	switch s.state {
	case Good:
		b = append(b, 0x80, 0)
	case Unknown:
		b = append(b, 0x82, 0)
	default:
		b = der.AppendHeader(b, der.Context(1), s.statusContent())
		b = der.AppendGeneralizedTime(b, s.revokedAt)
		if s.reason > 0 { // "unspecified" is left out, as RFC 5280 section 5.3.1 wants
			b = append(b, der.Context(0), 3, der.Enumerated, 1, byte(s.reason))
		}
	}
	b = der.AppendGeneralizedTime(b, j.ThisUpdate)
	b = append(b, der.Context(0), timeSize)
	b = der.AppendGeneralizedTime(b, j.NextUpdate)
	if !s.cutoff.IsZero() {
		b = der.AppendGeneralizedTime(append(b, archiveHead...), s.cutoff)
	}
	return b
}

// appendTBS appends ResponseData: responderID, producedAt, responses, and responseExtensions for a certificate that was
// never issued. The version is the default and therefore absent.
func (e *Encoder) appendTBS(b []byte, group []name, j *Job) []byte {
	s := e.single(j)
	singles := 0
	for i := range group {
		singles += der.Size(s.size(&group[i], j.Serial))
	}
	n := len(e.responderID) + timeSize + der.Size(singles)
	if j.State == NeverIssued {
		n += len(extendedRevoke)
	}
	b = der.AppendHeader(b, der.Sequence, n)
	b = append(b, e.responderID...)
	b = der.AppendGeneralizedTime(b, j.ThisUpdate) // producedAt
	b = der.AppendHeader(b, der.Sequence, singles)
	for i := range group {
		b = s.append(b, &group[i], j)
	}
	if j.State == NeverIssued {
		b = append(b, extendedRevoke...)
	}
	return b
}

// envelope returns the OCSPResponse around a signed tbs.
func (e *Encoder) envelope(tbs, signature []byte) []byte {
	basic := len(tbs) + len(e.algorithm.DER) + der.Size(1+len(signature)) + len(e.certificates)
	octets := der.Size(basic)
	bytes := len(basicResponse) + der.Size(octets)
	explicit := der.Size(bytes)
	n := 3 + der.Size(explicit)

	b := make([]byte, 0, der.Size(n))
	b = der.AppendHeader(b, der.Sequence, n)
	b = append(b, der.Enumerated, 1, 0) // successful
	b = der.AppendHeader(b, der.Context(0), explicit)
	b = der.AppendHeader(b, der.Sequence, bytes)
	b = append(b, basicResponse...)
	b = der.AppendHeader(b, der.OctetString, octets)
	b = der.AppendHeader(b, der.Sequence, basic)
	b = append(b, tbs...)
	b = append(b, e.algorithm.DER...)
	b = der.AppendHeader(b, der.BitString, 1+len(signature))
	b = append(b, 0) // no unused bits
	b = append(b, signature...)
	return append(b, e.certificates...)
}
