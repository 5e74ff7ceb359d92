package inventory

import (
	"context"
	"errors"
	"iter"
	"time"

	"seihon/artifact"
)

var errPending = errors.New("not available in this build")

// Record is one certificate of an import.
type Record struct {
	Certificate
	State      State
	Revocation Revocation
}

// Source is a streamed input.
type Source interface {
	Records(ctx context.Context) iter.Seq2[Record, error]
	Info() SourceInfo
}

// SourceInfo describes a source; Digest and AsOf are final when Records has ended.
type SourceInfo struct {
	Name, Format string
	Scope        Completeness
	AsOf         time.Time
	Digest       artifact.Digest
}

// Completeness says what the absence of a serial in a source means.
type Completeness int

const (
	Partial Completeness = iota
	AllSerials
	AllRevoked
)

// Import is one import.
type Import struct {
	Issuer    string
	Source    Source
	MaxShrink float64
	Override  *Override
	DryRun    bool
}

// ImportResult says what an import did.
type ImportResult struct {
	Digest                                               artifact.Digest
	Read, Added, NewlyRevoked, Unchanged, Kept, Vanished int64
	Same                                                 bool
}

func (d *DB) Import(ctx context.Context, i Import) (*ImportResult, error) { return nil, errPending }
