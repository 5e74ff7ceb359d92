package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"seihon/artifact"
	"seihon/hsmsign/crl"
	"seihon/hsmsign/memory"
	"seihon/inventory"
	"seihon/ledger"
	"seihon/public"
)

// listed gives the entries of an accepted list in the master, by serial: the list stands for the rows that it added to
// the inventory, which have no records of their own in the private master.
func (r *Room) listed(ctx context.Context, issuer, name string, digest artifact.Digest) iter.Seq2[inventory.Record,
	error] {
	return func(yield func(inventory.Record, error) bool) {
		l, err := r.masterList(ctx, issuer, name, digest)
		if err != nil {
			yield(inventory.Record{}, err)
			return
		}
		walk, err := l.SortedReader()
		for err == nil {
			var e artifact.RevokedEntry
			var more bool
			if e, more, err = walk.Next(); err != nil || !more {
				break
			}
			rec := inventory.Record{Certificate: inventory.Certificate{Serial: e.Serial}, State: inventory.Revoked,
				Revocation: inventory.Revocation{Time: e.Time, Reason: e.Reason, InvalidityDate: e.InvalidityDate}}
			if e.Reason == crl.RemoveFromCRL {
				rec.State = inventory.Issued
			}
			if !yield(rec, ctx.Err()) {
				return
			}
		}
		if err != nil {
			yield(inventory.Record{}, fmt.Errorf("reading %s: %w", name, err))
		}
	}
}

// masterList reads a list of any age from the master; its digest is checked, so that it need not be the current one.
func (r *Room) masterList(ctx context.Context, issuer, name string,
	digest artifact.Digest) (*artifact.RevocationList, error) {
	line := ledger.Line{Name: name, Kind: artifact.CRL, Digest: digest, Issuer: issuer}
	info, err := os.Stat(r.Log.Log().BlobPath(line))
	if err != nil {
		return nil, fmt.Errorf("reading %s (%s), which stands for rows of the inventory: %w", name, digest, err)
	}
	line.Size = info.Size()
	return r.OpenList(ctx, line)
}

// OpenList opens a list in the master. Its entries stay there, and are read when they are walked.
func (r *Room) OpenList(ctx context.Context, line ledger.Line) (*artifact.RevocationList, error) {
	if err := r.Log.Log().CheckBlob(ctx, line); err != nil {
		return nil, err
	}
	return artifact.OpenRevocationList(blobAt{r.Log.Log(), line}, line.Size)
}

// blobAt reads a blob of the master. It is open only while it is read.
type blobAt struct {
	log  *ledger.Log
	line ledger.Line
}

func (b blobAt) ReadAt(p []byte, at int64) (int, error) {
	f, err := b.log.OpenBlob(b.line)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(f, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// unlisted judges what no record of the private master speaks of by the lists that stand for rows. What a list has an
// entry of is taken out of open; it returns what that list says otherwise.
func (r *Room) unlisted(ctx context.Context, issuer string, open map[string]memory.Fault) ([]memory.Fault, error) {
	var faults []memory.Fault
	for line, err := range r.privateRecords(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the private master: %w", err)
		}
		var im struct {
			Type   string `json:"t"`
			Issuer string `json:"issuer"`
			Kind   string `json:"kind"`
			Format string `json:"format"`
			Digest string `json:"digest"`
		}
		if err := json.Unmarshal(line, &im); err != nil {
			return nil, fmt.Errorf("parsing a record of the private master: %w", err)
		}
		if im.Type != "import" || im.Kind == "" || im.Issuer != issuer {
			continue
		}
		digest, err := artifact.ParseDigest(im.Digest)
		if err != nil {
			return nil, fmt.Errorf("parsing a record of the private master: %w", err)
		}
		for e, err := range r.listed(ctx, issuer, strings.TrimPrefix(im.Format, inventory.AcceptedFormat), digest) {
			if err != nil {
				return nil, err
			}
			change, waiting := open[SerialText(e.Serial)]
			if !waiting {
				continue
			}
			delete(open, SerialText(e.Serial))
			if said := memory.Revoked(e.Revocation.Time, e.Revocation.Reason,
				e.Revocation.InvalidityDate); !sameSaid(said.String(), change.Now) {
				change.Why = "the accepted list says " + said.String()
				faults = append(faults, change)
			}
		}
		if len(open) == 0 {
			break
		}
	}
	return faults, nil
}

// OtherLists says of the format of an import that it is a complete list of another scope, which does not speak of the
// certificates of this one.
func OtherLists(format string) bool {
	name, accepted := strings.CutPrefix(format, inventory.AcceptedFormat)
	n, err := public.Parse(name)
	return accepted && err == nil && n.Kind != artifact.DeltaCRL
}
