package verify

import (
	"context"
	"errors"
	"fmt"

	"seihon/verify/report"
)

// errCopySilent ends the check of a copy whose host did not even give the checkpoint an answer, or named another host.
var errCopySilent = errors.New("the host of the copy does not answer")

// errNotAsked stands for the answer of a host that has stopped answering.
var errNotAsked = fmt.Errorf("%w any more, so that this was not asked for", ErrUnreachable)

// maxUnanswered is after how many requests in a row that a host did not answer, each after all its tries, nothing more
// is asked of it: where nobody is, every name would take as long as the first.
const maxUnanswered = 8

// silent returns an error when the host has stopped answering.
func (k *copyCheck) silent(name string) error {
	if k.unanswered.Load() < maxUnanswered {
		return nil
	}
	return fmt.Errorf("asking for %s: %w", name, errNotAsked)
}

// heard counts what a host did not answer. An interrupted check says nothing about the host.
func (k *copyCheck) heard(ctx context.Context, err error) {
	switch {
	case !errors.Is(err, ErrUnreachable):
		k.unanswered.Store(0)
	case ctx.Err() == nil:
		k.unanswered.Add(1)
	}
}

// reportNotAsked says in one finding for how many objects nobody asked, since the host had stopped answering.
func (k *copyCheck) reportNotAsked() {
	if n := k.notAsked.Load(); n > 0 {
		k.report(report.Finding{Code: "copy-unreadable",
			Detail: fmt.Sprintf("the host stopped answering: %d objects were not asked for", n)})
	}
}
