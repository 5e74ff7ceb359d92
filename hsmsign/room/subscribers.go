package room

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/cert"
	"seihon/inventory"
)

// IssuanceBatch is how many certificates one entry of the log commits to, unless
// somebody asks for fewer.
const IssuanceBatch = 1000

// SubscriberRequests asks for a certificate for each of many certificate requests.
type SubscriberRequests struct {
	Issuer  string
	CSRs    []CSR
	Consent string // id of the record in which the subscriber agrees to publication; usually empty
	Reissue bool   // another certificate for a request that has one, or for a key that is in use
	Batch   int    // certificates for one entry of the log; 0: IssuanceBatch
}

// CSR is a certificate request.
type CSR struct {
	Name string // as errors call it, usually its file
	Data []byte // PKCS #10, DER or PEM
}

// Subscriber is the certificate of one request.
type Subscriber struct {
	*x509.Certificate
	Present bool // it was there already: nothing was signed
}

// A SubscriberJob is a list of requests of which every one was found good, and
// for which nothing was signed or recorded yet.
type SubscriberJob struct {
	room     *Room
	a        *Authority
	batch    int
	present  map[int]*x509.Certificate // by request: what it has already
	same     map[int]int               // by request: an earlier one of the list with the same content
	prepared []*cert.Prepared          // of those that get a certificate
	intents  []inventory.Intent
	of       []int // the request of each
	requests int
}

// Subscribers looks at all requests before anything is signed. A request that has a
// certificate gets that one again, so that an interrupted command can be repeated.
// Without a consent, certificates are recorded in the inventory only: section A keeps
// subscribers' certificates private.
func (r *Room) Subscribers(ctx context.Context, s SubscriberRequests) (*SubscriberJob, error) {
	a, err := r.Authority(s.Issuer)
	if err != nil {
		return nil, err
	}
	if a.Subscribers == nil {
		return nil, fmt.Errorf("issuing to a subscriber: issuer %s has no section subscribers in the configuration",
			a.Name)
	}
	if err := r.checkConsent(s.Consent); err != nil {
		return nil, err
	}
	j := &SubscriberJob{room: r, a: a, batch: s.Batch, present: map[int]*x509.Certificate{}, same: map[int]int{},
		requests: len(s.CSRs)}
	if j.batch <= 0 {
		j.batch = IssuanceBatch
	}
	orders := make([]Order, 0, len(s.CSRs))
	first := make(map[[sha256.Size]byte]int, len(s.CSRs))
	for n, q := range s.CSRs {
		der, err := cert.RequestDER(q.Data)
		if err != nil {
			return nil, fmt.Errorf("issuing to a subscriber: %w", q.named(err))
		}
		sum := sha256.Sum256(der)
		if earlier, again := first[sum]; again {
			j.same[n] = earlier
			continue
		}
		first[sum] = n
		if !s.Reissue {
			if j.present[n], err = r.presentFor(ctx, a, sum[:], s.Consent); err != nil {
				return nil, fmt.Errorf("issuing to a subscriber: %w", q.named(err))
			}
			if j.present[n] != nil {
				continue
			}
		}
		orders = append(orders, Order{Profile: a.Subscribers.Profile, Validity: a.Subscribers.Validity,
			Request: cert.Request{CSR: q.Data, ConsentID: s.Consent}, csr: der, label: q.Name})
		j.of = append(j.of, n)
	}
	if !s.Reissue {
		if err := r.keysInUse(ctx, orders); err != nil {
			return nil, fmt.Errorf("issuing to a subscriber: %w", err)
		}
	}
	if j.prepared, j.intents, err = r.prepare(ctx, a, orders); err != nil {
		return nil, fmt.Errorf("issuing to a subscriber: %w", err)
	}
	return j, nil
}

func (q *CSR) named(err error) error {
	if q.Name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", q.Name, err)
}

// presentFor returns the certificate that a request has, nil when it has none.
func (r *Room) presentFor(ctx context.Context, a *Authority, csr []byte, consent string) (*x509.Certificate, error) {
	e, err := r.Inventory.Issuance(ctx, a.Name, csr)
	if errors.Is(err, inventory.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case e.DER == nil:
		return nil,
			fmt.Errorf("the log commits to a certificate for this request, serial %x, that could not be signed yet; "+
				"the log of this command says why, and the next one tries again", e.Serial)
	case e.State == inventory.Revoked:
		return nil, afterRevocation(a, e)
	case consent != "" && e.Consent != consent:
		return nil,
			fmt.Errorf("the certificate of this request, serial %x, was issued without this consent; --reissue "+
				"issues another one for it", e.Serial)
	case r.Now().After(e.NotAfter):
		return nil,
			fmt.Errorf("the certificate of this request, serial %x, expired at %s; --reissue issues another one for it",
				e.Serial, e.NotAfter.UTC().Format(time.RFC3339))
	}
	return artifact.ParseCertificate(e.DER)
}

// afterRevocation says what to do about a request whose certificate was revoked. Another certificate for the same key
// is suggested only where checkKeyHistory lets it pass.
func afterRevocation(a *Authority, e *inventory.Entry) error {
	reason := max(e.Revocation.Reason, 0)
	what := fmt.Sprintf("the certificate of this request, serial %x, was revoked at %s for %s", e.Serial,
		e.Revocation.Time.UTC().Format(time.RFC3339), inventory.ReasonName(reason))
	kept, err := keptKeys(a)
	switch {
	case err != nil:
		return err
	case slices.Contains(kept, reason) && !slices.Contains(Compromised, reason):
		return fmt.Errorf("%s, after which its key may be kept; --reissue issues another one for it", what)
	case slices.Contains(Compromised, reason):
		return fmt.Errorf("%s: ask for a request with a new key", what)
	}
	return fmt.Errorf("%s: ask for a request with a new key, or name the reason in subscribers.keep_key_after "+
		"if the CP lets subscribers keep their key after it", what)
}

// Present returns the certificate that a request of the list has already; nil: it will get one.
func (j *SubscriberJob) Present(n int) *x509.Certificate {
	if earlier, again := j.same[n]; again {
		n = earlier
	}
	return j.present[n]
}

// Planned returns the certificate that a request would get, without its signature, and whether it has it already.
func (j *SubscriberJob) Planned(n int) (Subscriber, error) {
	if earlier, again := j.same[n]; again {
		n = earlier
	}
	if c := j.present[n]; c != nil {
		return Subscriber{c, true}, nil
	}
	c, err := j.prepared[slices.Index(j.of, n)].Unsigned()
	return Subscriber{c, false}, err
}

// Issue issues the certificates, batch by batch: one entry of the log commits to a
// batch. done is told of each certificate, in the order of the batches, once the
// master has it.
func (j *SubscriberJob) Issue(ctx context.Context, done func(n int, s Subscriber) error) error {
	for n := range j.requests {
		if c := j.Present(n); c != nil {
			if err := done(n, Subscriber{c, true}); err != nil {
				return err
			}
		}
	}
	again := map[int][]int{}
	for n := range j.requests {
		if earlier, same := j.same[n]; same && j.Present(n) == nil {
			again[earlier] = append(again[earlier], n)
		}
	}
	for from := 0; from < len(j.intents); from += j.batch {
		to := min(from+j.batch, len(j.intents))
		certs, err := j.room.issuePrepared(ctx, j.a, j.prepared[from:to], j.intents[from:to])
		if err != nil {
			return fmt.Errorf("issuing to a subscriber: %w", err)
		}
		if _, err := j.room.Commit(ctx, "signer issue"); err != nil {
			return err
		}
		for i, c := range certs {
			n := j.of[from+i]
			for _, n := range append([]int{n}, again[n]...) {
				if err := done(n, Subscriber{c, n != j.of[from+i]}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
