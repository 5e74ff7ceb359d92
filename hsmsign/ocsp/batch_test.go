package ocsp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seihon/hsmsign/internal/testca"
	"seihon/hsmsign/ocsp"
)

// jobs returns n jobs, serial numbers from 1, and counts how many were taken.
func jobs(n int, taken *atomic.Int64) iter.Seq2[ocsp.Job, error] {
	return func(yield func(ocsp.Job, error) bool) {
		for i := range n {
			taken.Add(1)
			if !yield(numbered(i), nil) {
				return
			}
		}
	}
}

func numbered(i int) ocsp.Job {
	return ocsp.Job{
		Status:     ocsp.Status{Serial: binary.BigEndian.AppendUint32([]byte{1}, uint32(i))},
		ThisUpdate: thisUpdate,
		NextUpdate: nextUpdate.Add(time.Duration(i) * time.Second),
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	r := delegated(t, "ed25519") // signs the same each time
	e := r.encoder(t, ocsp.Policy{})
	for _, workers := range []int{1, 2, 7} {
		for _, n := range []int{0, 1, 15, 16, 17, 500} {
			var taken atomic.Int64
			i := 0
			for out, err := range e.Batch(t.Context(), workers, jobs(n, &taken)) {
				if err != nil {
					t.Fatal(err)
				}
				j := numbered(i)
				want, err := e.Sign(t.Context(), j.Status, j.ThisUpdate, j.NextUpdate)
				if err != nil {
					t.Fatal(err)
				}
				if len(out) != 2 || !bytes.Equal(out[0].DER, want[0].DER) || !bytes.Equal(out[1].DER, want[1].DER) {
					t.Fatalf("responses %d of %d with %d workers differ from Sign's", i, n, workers)
				}
				i++
			}
			if i != n || taken.Load() != int64(n) {
				t.Errorf("%d responses of %d jobs, %d taken", i, n, taken.Load())
			}
		}
	}
}

// TestBatchError shows that the first error in order ends a batch, after everything before it.
func TestBatchError(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	broken := errors.New("disk I/O error")
	for name, test := range map[string]struct {
		at   int
		bad  func(yield func(ocsp.Job, error) bool) bool
		want string
	}{
		"job": {100, func(yield func(ocsp.Job, error) bool) bool { return yield(ocsp.Job{}, nil) },
			"the serial number is empty"},
		"first": {0, func(yield func(ocsp.Job, error) bool) bool { return yield(ocsp.Job{}, nil) },
			"the serial number is empty"},
		"iterator": {77, func(yield func(ocsp.Job, error) bool) bool { yield(ocsp.Job{}, broken); return false },
			"reading statuses to sign: disk I/O error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, errs := 0, 0
			for _, err := range r.encoder(t, ocsp.Policy{}).Batch(t.Context(), 3,
				func(yield func(ocsp.Job, error) bool) {
					for i := range 1_000_000 {
						if i == test.at && !test.bad(yield) {
							return
						}
						if !yield(numbered(i), nil) {
							return
						}
					}
				}) {
				if err == nil {
					got++
					continue
				}
				errs++
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q in it", err, test.want)
				}
			}
			if got != test.at || errs != 1 {
				t.Errorf("%d responses and %d errors, want %d and 1", got, errs, test.at)
			}
		})
	}
}

func TestBatchSignerFails(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	broken := errors.New("CKR_DEVICE_ERROR")
	signer := &testca.Counter{Signer: r.key, Fault: func(call int64, signature []byte) ([]byte, error) {
		if call > 100 {
			return nil, broken
		}
		return signature, nil
	}}
	e, err := ocsp.NewEncoder(r.ca, r.delegate, signer, ocsp.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	var last error
	for _, err := range e.Batch(t.Context(), 4, jobs(1_000_000, &taken)) {
		last = err
	}
	if !errors.Is(last, broken) {
		t.Errorf("error %v, want %v", last, broken)
	}
	if n := signer.Calls.Load(); n > 1000 {
		t.Errorf("%d signatures asked of a broken token", n)
	}
}

func TestBatchLeftAndCancelled(t *testing.T) {
	t.Parallel()
	r := delegated(t, "p256")
	e := r.encoder(t, ocsp.Policy{})
	var taken atomic.Int64
	for range e.Batch(t.Context(), 2, jobs(1_000_000, &taken)) {
		break
	}
	if n := taken.Load(); n > 1000 {
		t.Errorf("%d jobs taken for one response", n)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	why := errors.New("the operator pressed ^C")
	var last error
	got := 0
	for _, err := range e.Batch(ctx, 2, jobs(1_000_000, &taken)) {
		if got++; got == 50 {
			cancel(why)
		}
		last = err
	}
	if !errors.Is(last, why) || got > 2000 {
		t.Errorf("error %v after %d responses, want %v", last, got, why)
	}
	if _, err := e.Sign(ctx, ocsp.Status{Serial: serial}, thisUpdate, nextUpdate); !errors.Is(err, why) {
		t.Errorf("error %v of Sign, want %v", err, why)
	}
	for _, err := range e.Batch(t.Context(), 0, jobs(1, &taken)) {
		if err == nil || !strings.Contains(err.Error(), "0 workers cannot work") {
			t.Errorf("error %v without workers", err)
		}
	}
}
