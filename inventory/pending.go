package inventory

import (
	"context"
	"errors"
	"iter"
	"math/big"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
)

var errPending = errors.New("not available in this build")

// Config says where the inventory lives.
type Config struct {
	DSN    string // "sqlite:PATH" or "postgres://…"
	Now    func() time.Time
	Logger *zap.Logger
}

// DB is an open inventory.
type DB struct{}

func Open(ctx context.Context, c Config) (*DB, error) { return nil, errPending }
func (d *DB) Close() error                            { return errPending }

func (d *DB) AddIssuer(ctx context.Context, i Issuer) error                  { return errPending }
func (d *DB) Issuers(ctx context.Context) ([]Issuer, error)                  { return nil, errPending }
func (d *DB) SetShards(ctx context.Context, issuer string, shards int) error { return errPending }

func (d *DB) Reserve(ctx context.Context, issuer string, serial []byte) error { return errPending }
func (d *DB) Record(ctx context.Context, c Certificate) error                 { return errPending }
func (d *DB) Get(ctx context.Context, issuer string, serial []byte) (*Entry, error) {
	return nil, errPending
}
func (d *DB) Certificates(ctx context.Context, issuer string) iter.Seq2[*Entry, error] { return nil }

// RevokeOptions is the way round a refusal.
type RevokeOptions struct {
	Override *Override
}

func (d *DB) Revoke(ctx context.Context, issuer string, serial []byte, r Revocation, o RevokeOptions) error {
	return errPending
}
func (d *DB) Revoked(ctx context.Context, issuer string, o RevokedOptions) iter.Seq2[RevokedCertificate, error] {
	return nil
}
func (d *DB) StatusAll(ctx context.Context, issuer string, shard int) iter.Seq2[Status, error] {
	return nil
}
func (d *DB) Due(ctx context.Context, issuer string, shard int, cutoff time.Time) iter.Seq2[Status, error] {
	return nil
}

// UrgentShards returns the shards with revocations that are not signed yet.
func (d *DB) UrgentShards(ctx context.Context, issuer string) (map[int]int, error) {
	return nil, errPending
}

// DueShards returns how much is due in each shard that has something due.
func (d *DB) DueShards(ctx context.Context, issuer string, cutoff time.Time) (map[int]int, error) {
	return nil, errPending
}
func (d *DB) MarkSigned(ctx context.Context, issuer string, batch []Signed) error { return errPending }

func (d *DB) NextCRLNumber(ctx context.Context, issuer, scope string) (*big.Int, error) {
	return nil, errPending
}

// LastCRLNumber returns nil when none was handed out.
func (d *DB) LastCRLNumber(ctx context.Context, issuer, scope string) (*big.Int, error) {
	return nil, errPending
}
func (d *DB) RaiseCRLNumber(ctx context.Context, issuer, scope string, n *big.Int) error {
	return errPending
}
func (d *DB) NextCounter(ctx context.Context, name string) (int64, error) { return 0, errPending }

func (d *DB) AddArtifacts(ctx context.Context, rs []ArtifactRecord) error { return errPending }
func (d *DB) MarkCommitted(ctx context.Context, digests []artifact.Digest, size int64) error {
	return errPending
}
func (d *DB) Artifacts(ctx context.Context, issuer string, kind artifact.Kind) iter.Seq2[ArtifactRecord, error] {
	return nil
}
func (d *DB) Latest(ctx context.Context, issuer string, kind artifact.Kind, scope string) (*ArtifactRecord, error) {
	return nil, errPending
}
func (d *DB) Uncommitted(ctx context.Context) iter.Seq2[ArtifactRecord, error] { return nil }

func (d *DB) Claim(ctx context.Context, r ClaimRequest) ([]Claim, error) { return nil, errPending }
func (d *DB) Extend(ctx context.Context, c Claim, lease time.Duration) (Claim, error) {
	return c, errPending
}
func (d *DB) Release(ctx context.Context, c Claim) error { return errPending }
func (d *DB) Finish(ctx context.Context, c Claim, signed []Signed, arts []ArtifactRecord) error {
	return errPending
}
func (d *DB) Counts(ctx context.Context, issuer string) (Counts, error) { return Counts{}, errPending }


// Override is the signed permission to let one refused change pass.
type Override struct {
	Digest  artifact.Digest
	Allow   []string
	Reason  string
	Expires time.Time
}

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
