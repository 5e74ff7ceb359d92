package ocspcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/internal/regular"
	"seihon/public"
)

const defaultRemotePoll = 30 * time.Second

// RemoteConfig says where a [Remote] finds its objects.
type RemoteConfig struct {
	BaseURL  string   // of the bucket or CDN; public names are appended to it
	Issuers  []string // whose generations are followed: a URL cannot be listed
	CacheDir string   // kept between runs; belongs to one process
	// VerifyGeneration checks a generation's body against its proof of being in
	// the ledger. It is required: what lies in the cloud is trusted only so far.
	VerifyGeneration func(body, proof []byte) error
	Poll             time.Duration // between looks, and how long an object is fresh; 30 s when 0
	Aliases          public.Aliases
	Cache            Limits       // of the copies of objects; bundles in use are not among them
	Client           *http.Client // nil for one without compression and redirects
	Metrics          *Metrics
	Now              func() time.Time
	Logger           *zap.Logger
}

// A Remote is the source that follows an HTTP base URL. It keeps a copy of every
// bundle in use and of every object asked for in its cache directory, and asks
// for changes with conditional requests. When the base URL cannot be reached, or
// gives something that does not verify, the last good state stays in use.
type Remote struct {
	*shelf
	cfg   RemoteConfig
	fetch *fetcher
	files *objectCache

	loading sync.Mutex
	etags   map[string]string // of the generations in use
	stop    context.CancelFunc
	done    chan struct{}
}

// OpenRemote takes up the state in the cache directory, looks for a newer one
// once, and follows the base URL until Close.
func OpenRemote(ctx context.Context, cfg RemoteConfig) (*Remote, error) {
	base, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("opening remote repository: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("opening remote repository: base URL %q is no http or https URL", cfg.BaseURL)
	case cfg.VerifyGeneration == nil:
		return nil, errors.New("opening remote repository: no way to verify generations; pin the ledger's key")
	}
	for _, issuer := range cfg.Issuers {
		if !validIssuer(issuer) {
			return nil,
				fmt.Errorf("opening remote repository: issuer name %q must be lower case letters, digits, '-', '_' "+
					"and '.'", issuer)
		}
	}
	if cfg.Poll <= 0 {
		cfg.Poll = defaultRemotePoll
	}
	r := &Remote{
		shelf: newShelf(cfg.VerifyGeneration, cfg.Metrics, cfg.Now, cfg.Logger),
		cfg:   cfg, etags: make(map[string]string), done: make(chan struct{}),
	}
	r.fetch = newFetcher(strings.TrimSuffix(cfg.BaseURL, "/")+"/", cfg.Client)
	objects := filepath.Join(cfg.CacheDir, "objects")
	r.files = newObjectCache(objects, cfg.Cache, r.fetch, cfg.Poll, r.now, r.logger)
	for _, dir := range []string{objects, filepath.Join(cfg.CacheDir, "bundles"),
		filepath.Join(cfg.CacheDir, "generations")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("opening remote repository: making cache: %w", err)
		}
	}
	r.restore()
	if err := r.Reload(ctx); err != nil {
		r.logger.Error("remote repository cannot be used, going on with the cache", zap.Error(err))
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.follow(follow)
	return r, nil
}

// restore takes up the generations of the last run. That also keeps a rollback
// from passing by way of a restart.
func (r *Remote) restore() {
	for _, issuer := range r.cfg.Issuers {
		public, err := regular.ReadFile(r.generationPath(issuer))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var g *Generation
		if err == nil {
			g, err = r.read(issuer, public)
		}
		if err == nil {
			err = r.use(g, r.bundlePath, false)
		}
		if err != nil {
			r.logger.Error("cached generation cannot be used", zap.String("issuer", issuer), zap.Error(err))
		}
	}
}

func (r *Remote) follow(ctx context.Context) {
	defer close(r.done)
	for {
		// Spread over a tenth of the interval: many responders share the origin.
		wait := r.cfg.Poll - r.cfg.Poll/20 + rand.N(r.cfg.Poll/10+1)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			if err := r.Reload(ctx); err != nil && ctx.Err() == nil {
				r.logger.Error("no new generation, the last good one stays in use", zap.Error(err))
			}
		}
	}
}

// Reload looks for new generations now. The error tells for which issuers that
// was not possible and why.
func (r *Remote) Reload(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	var failed []error
	for _, issuer := range r.cfg.Issuers {
		if err := r.reload(ctx, issuer); err != nil {
			failed = append(failed, fmt.Errorf("following issuer %q: %w", issuer, err))
		}
	}
	r.collect()
	return errors.Join(failed...)
}

func (r *Remote) reload(ctx context.Context, issuer string) error {
	public, etag, err := r.fetch.small(ctx, public.Generation(issuer), r.etags[issuer], maxGenerationBytes)
	switch {
	case errors.Is(err, errNotModified):
		r.metrics.polls.WithLabelValues("same").Inc()
		return nil
	case err != nil:
		r.metrics.polls.WithLabelValues("failed").Inc()
		return err
	}
	err = r.advance(ctx, issuer, public)
	if err == nil || errors.Is(err, errCurrent) {
		r.etags[issuer] = etag
	}
	return r.metrics.polled(issuer, err)
}

// advance verifies a generation, fetches the bundles that are missing, and only
// then uses and keeps it.
func (r *Remote) advance(ctx context.Context, issuer string, public []byte) error {
	g, err := r.read(issuer, public)
	if err != nil {
		return err
	}
	have := r.digests()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, u := range g.Bundles {
		if !have[u.Digest] {
			group.Go(func() error { return r.fetchBundle(ctx, u) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := r.use(g, r.bundlePath, true); err != nil {
		return err
	}
	return replaceFile(r.generationPath(issuer), public)
}

// fetchBundle brings a bundle into the cache unless it is there, intact.
func (r *Remote) fetchBundle(ctx context.Context, u GenerationBundle) error {
	path := r.bundlePath(u.Digest)
	if auditFile(ctx, path, u.Digest) == nil {
		return nil
	}
	return r.fetch.bundle(ctx, public.Bundle(u.Digest), path, u)
}

// collect removes bundles from the cache that no generation uses.
func (r *Remote) collect() {
	used := r.digests()
	files, err := os.ReadDir(filepath.Join(r.cfg.CacheDir, "bundles"))
	if err != nil {
		r.logger.Warn("cache cannot be listed", zap.Error(err))
	}
	for _, file := range files {
		if digest, err := artifact.ParseDigest(file.Name()); err == nil && used[digest] {
			continue
		}
		if err := os.Remove(filepath.Join(r.cfg.CacheDir, "bundles", file.Name())); err != nil {
			r.logger.Warn("old bundle stays in the cache", zap.Error(err))
		}
	}
}

func (r *Remote) bundlePath(d artifact.Digest) string {
	return filepath.Join(r.cfg.CacheDir, "bundles", d.String())
}

func (r *Remote) generationPath(issuer string) string {
	return filepath.Join(r.cfg.CacheDir, "generations", issuer)
}

// Open implements [Source].
func (r *Remote) Open(ctx context.Context, name string) (*Object, error) {
	if of, ok := r.cfg.Aliases.Of(name); ok {
		name = of
	}
	n, err := public.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	if n.Kind == artifact.OCSPBundle {
		return r.openBundleFile(name, n.Digest)
	}
	return r.files.open(ctx, name)
}

// openBundleFile serves bundles from the cache only: the ones in use are there,
// and no stranger shall make the responder fetch gigabytes.
func (r *Remote) openBundleFile(name string, d artifact.Digest) (*Object, error) {
	f, err := regular.Open(r.bundlePath(d))
	if err != nil {
		return nil, err
	}
	return openDescribed(r.files.describe, name, f)
}

// Close implements [Source].
func (r *Remote) Close() error {
	r.stop()
	<-r.done
	r.files.close()
	r.close()
	return nil
}
