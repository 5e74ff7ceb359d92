package ocspcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"seihon/artifact"
	"seihon/public"
)

const (
	defaultPoll = 5 * time.Second
)

// DirectoryConfig says where a [Directory] finds its files.
type DirectoryConfig struct {
	Root string // holds the public names
	// VerifyGeneration checks a generation's body against its proof of being in
	// the ledger. Generations are taken unverified when it is nil.
	VerifyGeneration func(body, proof []byte) error
	Poll             time.Duration  // between looks for new generations; 5 s when 0
	Aliases          public.Aliases // further names of the artifacts
	Metrics          *Metrics
	Now              func() time.Time
	Logger           *zap.Logger
}

// A Directory is the source that reads a directory with the public layout, such
// as the target of a sync to a directory.
type Directory struct {
	*shelf
	root     *os.Root
	path     string
	describe *describer
	aliases  public.Aliases

	loading sync.Mutex
	seen    map[string]stamp // generation files as of the last look
	stop    context.CancelFunc
	done    chan struct{}
}

// A stamp tells one state of a file from the next.
type stamp struct {
	size     int64
	modified time.Time
}

// OpenDirectory opens the directory and its current generations, and follows it
// until Close. A generation that is refused is logged and not used, see
// [Directory.Reload].
func OpenDirectory(ctx context.Context, cfg DirectoryConfig) (*Directory, error) {
	root, err := os.OpenRoot(cfg.Root)
	if err != nil {
		return nil, fmt.Errorf("opening public directory: %w", err)
	}
	d := &Directory{
		shelf: newShelf(cfg.VerifyGeneration, cfg.Metrics, cfg.Now, cfg.Logger),
		root:  root, path: cfg.Root, describe: newDescriber(), aliases: cfg.Aliases,
		seen: make(map[string]stamp), done: make(chan struct{}),
	}
	if err := d.Reload(ctx); err != nil {
		d.logger.Error("generation refused", zap.Error(err))
	}
	poll := cfg.Poll
	if poll <= 0 {
		poll = defaultPoll
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	go d.follow(follow, poll)
	return d, nil
}

func (d *Directory) follow(ctx context.Context, poll time.Duration) {
	defer close(d.done)
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := d.Reload(ctx); err != nil {
				d.logger.Error("generation refused, the last good one stays in use", zap.Error(err))
			}
		}
	}
}

// Reload looks for new generations now. The error tells which ones were refused
// and why; they are not looked at again until their files change.
func (d *Directory) Reload(ctx context.Context) error {
	d.loading.Lock()
	defer d.loading.Unlock()
	files, err := fs.ReadDir(d.root.FS(), "ocsp")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		d.metrics.polls.WithLabelValues("failed").Inc()
		return fmt.Errorf("looking for OCSP generations: %w", err)
	}
	var refused []error
	for _, file := range files {
		name, err := public.Parse(public.Responses + file.Name())
		issuer := name.Label
		if err != nil || name.Kind != artifact.OCSPGeneration || !validIssuer(issuer) {
			continue
		}
		if err := d.reload(issuer); err != nil {
			refused = append(refused, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(refused...)
}

func (d *Directory) reload(issuer string) error {
	f, err := d.root.Open(public.Generation(issuer))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	now := stamp{info.Size(), info.ModTime()}
	if d.seen[issuer] == now {
		d.metrics.polls.WithLabelValues("same").Inc()
		return nil
	}
	public, err := io.ReadAll(io.LimitReader(f, maxGenerationBytes+1))
	if err != nil {
		return err
	}
	g, err := d.read(issuer, public)
	if err == nil {
		err = d.use(g, d.bundlePath, false)
	}
	// A bundle that is not there yet may still arrive: look again then.
	if !errors.Is(err, fs.ErrNotExist) {
		d.seen[issuer] = now
	}
	return d.metrics.polled(issuer, err)
}

func (d *Directory) bundlePath(digest artifact.Digest) string {
	return filepath.Join(d.path, filepath.FromSlash(public.Bundle(digest)))
}

// Open implements [Source].
func (d *Directory) Open(_ context.Context, name string) (*Object, error) {
	if of, ok := d.aliases.Of(name); ok {
		name = of
	}
	if !public.Is(name) {
		return nil, fmt.Errorf("opening object %q: %w", name, fs.ErrNotExist)
	}
	f, err := d.root.Open(name)
	if errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist // a file where the name has a folder
	}
	if err != nil {
		return nil, fmt.Errorf("opening object %q: %w", name, err)
	}
	return openDescribed(d.describe, name, f)
}

// Close implements [Source].
func (d *Directory) Close() error {
	d.stop()
	<-d.done
	d.close()
	return d.root.Close()
}
