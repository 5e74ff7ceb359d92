package ocspcache

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// A Source holds the public copy of a repository: the current generation of each
// issuer with its bundles, and the objects by their public names.
type Source interface {
	// Acquire pins the current view. The caller releases it after it has written
	// the answer; the files behind it stay mapped until then.
	Acquire() *View
	// Open returns the public object of that name, or fs.ErrNotExist.
	Open(ctx context.Context, name string) (*Object, error)
	// Close ends the source's work in the background and unmaps its files.
	Close() error
}

// A View is one consistent state of a source.
type View struct{}

// An Object is a public object that is open for reading.
type Object struct{}

// DirectoryConfig says where a [Directory] finds its files.
type DirectoryConfig struct {
	Root             string
	VerifyGeneration func(body, proof []byte) error // nil: not verified
	Poll             time.Duration                  // how often to look for new generations
	Metrics          *Metrics
	Now              func() time.Time
	Logger           *zap.Logger
}

// A Directory is the source that reads a directory holding the public layout.
type Directory struct{ Source }

// OpenDirectory opens the directory and its current generations.
func OpenDirectory(ctx context.Context, cfg DirectoryConfig) (*Directory, error) {
	return nil, errOutline
}

// RemoteConfig says where a [Remote] finds its objects.
type RemoteConfig struct {
	BaseURL          string   // of the bucket or CDN
	Issuers          []string // names of the generations to follow
	CacheDir         string
	VerifyGeneration func(body, proof []byte) error
	Poll             time.Duration
	Client           *http.Client
	Metrics          *Metrics
	Now              func() time.Time
	Logger           *zap.Logger
}

// A Remote is the source that follows an HTTP base URL.
type Remote struct{ Source }

// OpenRemote opens the cache and starts to follow the base URL.
func OpenRemote(ctx context.Context, cfg RemoteConfig) (*Remote, error) { return nil, errOutline }
