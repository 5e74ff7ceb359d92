// Package accept takes over what a CA's own software signed: certificates, lists, OCSP responses,
// documents, and the signed statements that let exceptions pass. Everything is judged as if this room had
// made it: section A by [seihon/sectiona], what was said before by [seihon/hsmsign/memory], the numbers by
// the log. An input is taken whole or refused with its reason; what is refused changes nothing.
package accept

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/unpack"
	"seihon/internal/unwrap"
	"seihon/inventory"
	"seihon/override"
	"seihon/sectiona"
)

// What a CA that keeps its own software has signed comes in here, and nowhere else. The kind of an input is
// known by its content and its issuer by the signature, never by a name. It is judged by the rules for what
// the room signs itself; the inventory takes over what it says; then it is stored and recorded as everything
// else. A crash after any step is repaired by looking at the same input again: what is there already is
// accepted as present.

// An Input is a file that another CA software made. Read is called twice: what others depend on goes first.
type Input struct {
	Name     string       // as errors call it
	Document DocumentName // which document it is, if it is one
	Issuer   string       // what is of another one is refused; empty: whoever it is
	Size     int64        // in octets, as far as that is known; small ones are read several at once
	Read     func() ([]byte, error)
}

// A Verdict is what became of an input.
type Verdict struct {
	Input   string `json:"input"`
	Digest  string `json:"sha256,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	Name    string `json:"name,omitempty"`    // its public name; empty: it stays in the private record
	Note    string `json:"note,omitempty"`    // what it did
	Present bool   `json:"present,omitempty"` // it was there already
	Refused string `json:"refused,omitempty"` // why it was not taken
	Failed  string `json:"failed,omitempty"`  // why it could not be judged: it has to be looked at again

	Members []Verdict `json:"members,omitempty"` // the files of a batch

	wanted string // the only issuer that is taken
	dryRun bool   // it was only judged
	err    error
}

// refused reports whether an error is a refusal of the input.
func refused(err error) bool {
	var input *room.InputError
	var record *room.RecordError
	var rule *sectiona.Refusal
	var contradiction *inventory.ImportRefused
	var wrong *inventory.RecordRefused
	var unapproved *room.ApprovalRefusal
	return errors.As(err, &unapproved) || errors.As(err, &wrong) || errors.As(err, &input) ||
		errors.As(err, &record) && !record.Ours || errors.As(err, &rule) || errors.As(err, &contradiction)
}

// An Acceptance is what Accept did.
type Acceptance struct {
	Verdicts []Verdict `json:"inputs"`
	Size     int64     `json:"tree_size"`
	DryRun   bool      `json:"dry_run,omitempty"`
}

// Err joins why inputs were refused or could not be judged.
func (a *Acceptance) Err() error {
	var errs []error
	for _, v := range a.Verdicts {
		if batch, ok := v.err.(*batchError); ok {
			errs = append(errs, &batchError{v.Input + ": " + batch.text, batch.all})
		} else if v.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", v.Input, v.err))
		}
	}
	return errors.Join(errs...)
}

// Inputs judges inputs and records those that pass, each by itself: one that is refused holds nothing else up.
// When it returns without an error, what it accepted stands in the master log.
func Inputs(ctx context.Context, r *room.Room, inputs []Input) (*Acceptance, error) {
	if err := askedOfOne(r, inputs); err != nil {
		return nil, err
	}
	h := newHandover(inputs)
	size, err := acceptAll(ctx, r, h)
	res := &Acceptance{Verdicts: h.gather(), Size: size, DryRun: r.DryRun}
	for i := range res.Verdicts {
		res.Verdicts[i].dryRun = r.DryRun
	}
	if err != nil || len(h.later) == 0 {
		return res, err
	}
	var rest []Input
	for _, i := range h.later {
		rest = append(rest, inputs[i])
	}
	more, err := Inputs(ctx, r, rest) // one batch at least has room
	for n, i := range h.later {
		res.Verdicts[i] = more.Verdicts[n]
	}
	res.Size = more.Size
	return res, err
}

// acceptAll judges what is handed over together, and gives the size of the log then.
func acceptAll(ctx context.Context, r *room.Room, h *handover) (int64, error) {
	order := order(r, h)
	if slices.ContainsFunc(order, func(in ranked) bool { return in.size > longList }) {
		defer tighten()()
	}
	ahead := &lookahead{room: r, inputs: h.inputs, order: order}
	for i, n := range order {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		v := &h.verdicts[n.at]
		if n.rank > rankSubscriber || h.certs.count >= foreignBatch {
			if err := acceptForeign(ctx, r, h.certs); err != nil {
				return 0, err
			}
		}
		in := ahead.take(ctx, i)
		err := in.err
		if err == nil {
			v.wanted = h.inputs[n.at].Issuer
			r.Exceptions.Passed = nil
			err = acceptOne(ctx, r, in, h, n.at)
			tellExceptions(&r.Exceptions, v)
		}
		v.settle(err)
	}
	if err := errors.Join(acceptForeign(ctx, r, h.certs), acceptAnswers(ctx, r, h.told)); err != nil {
		return 0, err
	}
	return r.Commit(ctx, "signer accept")
}

// settle notes how the judgement ended.
func (v *Verdict) settle(err error) {
	v.err = err
	switch {
	case err == nil:
	case refused(err):
		v.Refused = err.Error()
	default:
		v.Failed = err.Error()
	}
}

// The order in which inputs are looked at: authorities before what they signed, and before a list what tells
// when its certificates expire.
const (
	rankException = iota
	rankAuthority
	rankLaterException // for a CA whose certificate comes with it
	rankOCSPSigner
	rankSubscriber
	rankList
	rankDelta
	rankOther
	rankDocument // behind its signature, whose verdict it has
)

// A ranked input is one that can be read.
type ranked struct {
	at, rank int
	key      string // within the rank
	size     int
	raw      []byte // kept, as far as there is room for it
}

// keptBytes bounds what is kept of the inputs between sorting and judging them; more is read again.
const keptBytes = 64 << 20

// order reads every input once, opens those that are batches, and sorts by what they are.
func order(r *room.Room, h *handover) []ranked {
	var all []ranked
	kept, read := 0, &reader{inputs: h.inputs}
	for i := 0; i < len(h.inputs); i++ { // more come while batches are opened
		read.inputs = h.inputs
		raw, err := read.at(i)
		if err != nil {
			h.verdicts[i].settle(err)
			continue
		}
		if unpack.Is(raw) {
			h.open(i, raw)
			continue
		}
		rank, key := rankOf(inner(raw))
		if bytes.HasPrefix(raw, []byte(override.ExceptionMagic)) {
			rank = rankOfException(r, raw)
		} else if bytes.HasPrefix(raw, []byte(override.Magic)) {
			rank = rankException
		}
		one := ranked{at: i, rank: rank, key: key, size: len(raw)}
		if kept += len(raw); kept <= keptBytes {
			one.raw = raw
		}
		all = append(all, one)
	}
	sort.SliceStable(all, func(i, j int) bool {
		return all[i].rank < all[j].rank || all[i].rank == all[j].rank && all[i].key < all[j].key
	})
	return all
}

// rankOfException says when an exception is looked at: the certificate of its CA may have to come before it.
func rankOfException(r *room.Room, raw []byte) int {
	o, err := override.ParseException(raw)
	switch {
	case err != nil:
		return rankOther
	case exceptionFor(r, o.Key) != "":
		return rankException
	}
	return rankLaterException
}

// rankOf says when an input is looked at.
func rankOf(raw []byte) (rank int, key string) {
	if c, err := artifact.ParseCertificate(raw); err == nil {
		switch {
		case c.IsCA && artifact.SameName(c.RawSubject, c.RawIssuer):
			return rankAuthority, ""
		case c.IsCA: // a chain by age
			return rankAuthority, c.NotBefore.UTC().Format("20060102150405")
		case artifact.IsOCSPSigner(c):
			return rankOCSPSigner, c.NotBefore.UTC().Format("20060102150405")
		}
		return rankSubscriber, ""
	}
	if bytes.HasPrefix(raw, []byte("%PDF-")) {
		return rankDocument, ""
	}
	l, err := artifact.ParseRevocationList(raw)
	if err != nil {
		return rankOther, ""
	}
	if l.Number != nil {
		key = fmt.Sprintf("%040x", l.Number)
	}
	if l.BaseNumber != nil {
		return rankDelta, key
	}
	return rankList, key
}

// add notes what an input did.
func (v *Verdict) add(format string, args ...any) {
	if v.Note != "" {
		v.Note += "; "
	}
	v.Note += fmt.Sprintf(format, args...)
}

// of notes the issuer of an input, and refuses one that was not meant.
func (v *Verdict) of(issuer string) error {
	v.Issuer = issuer
	if v.wanted != "" && v.wanted != issuer {
		return room.Refuse("it is of issuer %s, not of %s", issuer, v.wanted)
	}
	return nil
}

// inner takes the PEM armour off a list or certificate, which OpenSSL puts around both unless it is told not to. What
// is published, and recorded, is the DER inside.
func inner(raw []byte) []byte {
	if !bytes.Contains(raw[:min(len(raw), 4096)], []byte("-----BEGIN ")) {
		return raw
	}
	der, err := unwrap.One(raw, "X509 CRL", "CERTIFICATE", "X509 CERTIFICATE")
	if err != nil {
		return raw // what is wrong with it is said where it is judged
	}
	return der
}

// acceptOne judges one input by what it is. A document is judged together with its signature, which comes before it.
func acceptOne(ctx context.Context, r *room.Room, in aheadInput, h *handover, at int) error {
	raw, v := in.raw, &h.verdicts[at]
	if bytes.HasPrefix(raw, []byte(override.Magic)) {
		return acceptOverride(ctx, r, raw, v, h, at)
	}
	if bytes.HasPrefix(raw, []byte(override.ExceptionMagic)) {
		return acceptException(ctx, r, raw, v)
	}
	a := in.parsed()
	if der := inner(raw); a.Kind == artifact.Unrecognised && len(der) != len(raw) {
		a, v.Note = artifact.Parse(der), "taken out of PEM"
	}
	v.Digest, v.Kind = a.Digest.String(), string(a.Kind)
	switch a.Kind {
	case artifact.CRL, artifact.ARL, artifact.DeltaCRL:
		o := h.overrides[a.Digest]
		err := acceptList(ctx, r, a, o, v)
		if o != nil {
			h.settleOverride(o, v, err)
		}
		return err
	case artifact.CACertificate:
		return acceptAuthority(ctx, r, a.Certificates[0], v)
	case artifact.LinkCertificate:
		return acceptLink(ctx, r, a.Certificates[0], v)
	case artifact.OCSPSignerCertificate, artifact.SubscriberCertificate:
		return acceptEndEntity(ctx, r, a.Certificates[0], v, h.certs)
	case artifact.OCSPResponse:
		return acceptResponse(r, a, v, h.told)
	}
	switch {
	case a.Problem != "":
		return room.Refuse("it is not taken: %s", a.Problem)
	case a.Kind == artifact.Document:
		return acceptDocument(ctx, r, a, h.inputs[at].Document, h, v)
	case a.Kind == artifact.DocumentSignature:
		h.signatures = append(h.signatures, at)
		return acceptSignature(ctx, r, a, v)
	}
	return room.Refuse("a %s is not taken here", a.Kind)
}

// askedOfOne wants that approval is asked for one certificate of a CA, so that nothing else is taken over by it.
func askedOfOne(r *room.Room, inputs []Input) error {
	if r.AskApproval == nil {
		return nil
	}
	if len(inputs) == 1 {
		raw, err := inputs[0].Read()
		if err != nil {
			return err
		}
		if rank, _ := rankOf(inner(raw)); rank == rankAuthority {
			return nil
		}
	}
	return errors.New("asking for approval: what is handed over must be one certificate of a CA; other things need " +
		"no approval, and an override goes by --override")
}
