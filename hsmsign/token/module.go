package token

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// module is a loaded PKCS#11 module. C_Initialize and C_Finalize act on the whole process, so there is one module per
// file, shared by all Tokens on it, and it is never unloaded.
//
// Every call goes through call, which knows how many calls are inside: C_Finalize while another thread is in the
// module is undefined behaviour (PKCS#11 v2.40 section 5.4).
type module struct {
	path   string // as configured first
	config string
	ctx    *pkcs11.Ctx
	digest [32]byte // of the file, when it was loaded

	renewing chan struct{} // capacity 1: held by whoever initialises or finalises

	mu      sync.Mutex
	users   int
	up      bool          // initialised
	gen     uint64        // counts the initialisations; a handle is worth something in its generation only
	inside  int           // calls in the module
	shut    bool          // calls have to wait
	changed chan struct{} // closed when one of the above changes
	dead    error         // C_Initialize or C_Finalize hangs: nothing can be done in this process any more
}

// errStale says that the module was initialised anew since the handle was made, perhaps for the sake of another Token.
var errStale = fmt.Errorf("module was initialised anew: %w", pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID))

var loaded struct {
	sync.Mutex
	byFile map[string]*module
}

// load loads the module at path, or finds it when it is loaded already, and initialises it.
func load(ctx context.Context, path, config string, timeout time.Duration) (*module, error) {
	m, err := open(path, config)
	if err != nil {
		return nil, err
	}
	err = m.start(ctx, timeout)
	if err != nil {
		return nil, also(err, m.release(timeout))
	}
	return m, nil
}

// open finds or loads the module and counts a user of it.
func open(path, config string) (*module, error) {
	file, err := moduleFile(path)
	if err != nil {
		return nil, err
	}
	loaded.Lock()
	defer loaded.Unlock()
	m := loaded.byFile[file]
	if m == nil {
		digest, err := fileDigest(file)
		if err != nil {
			return nil, fmt.Errorf("reading module %s: %w", path, err)
		}
		c := pkcs11.New(file)
		if c == nil {
			return nil,
				fmt.Errorf("loading module %s: %w: it is not a PKCS#11 library for this machine (%s), or a library "+
					"that it needs is missing; try ldd on it", path, ErrModule, runtime.GOARCH)
		}
		m = &module{path: path, config: config, ctx: c, digest: digest, renewing: make(chan struct{}, 1),
			changed: make(chan struct{})}
		if loaded.byFile == nil {
			loaded.byFile = make(map[string]*module)
		}
		loaded.byFile[file] = m
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.config != config && m.users > 0 {
		return nil, fmt.Errorf("loading module %s: %w: it is in use in this process with another configuration string",
			path, ErrModule)
	}
	m.config = config
	m.users++
	return m, nil
}

// start initialises the module unless it is.
func (m *module) start(ctx context.Context, timeout time.Duration) error {
	err := m.acquire(ctx)
	if err != nil {
		return err
	}
	defer m.yield()
	m.mu.Lock()
	up, dead := m.up, m.dead
	m.mu.Unlock()
	if up || dead != nil {
		return dead
	}
	return m.initialize(timeout)
}

// release finalises the module when its last user has gone.
func (m *module) release(timeout time.Duration) error {
	m.renewing <- struct{}{}
	defer m.yield()
	m.mu.Lock()
	m.users--
	idle := m.users == 0 && m.up && m.dead == nil
	m.mu.Unlock()
	if !idle {
		return nil
	}
	return m.finalize(context.Background(), timeout)
}

// renew finalises and initialises the module, once for all who ask while generation gen is the newest.
func (m *module) renew(ctx context.Context, gen uint64, timeout time.Duration) error {
	err := m.acquire(ctx)
	if err != nil {
		return err
	}
	defer m.yield()
	m.mu.Lock()
	newest, up, dead := m.gen, m.up, m.dead
	m.mu.Unlock()
	switch {
	case dead != nil:
		return dead
	case newest != gen:
		return nil
	case up:
		err = m.finalize(ctx, timeout)
		if err != nil {
			return err
		}
	}
	return m.initialize(timeout)
}

func (m *module) acquire(ctx context.Context) error {
	select {
	case m.renewing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *module) yield() { <-m.renewing }

// initialize calls C_Initialize. The caller holds renewing.
func (m *module) initialize(timeout time.Duration) error {
	m.mu.Lock()
	config := m.config
	m.mu.Unlock()
	var options []pkcs11.InitializeOption
	if config != "" {
		// Some modules (NSS) read a string where the standard has a reserved pointer. They copy it before they return.
		reserved := append([]byte(config), 0)
		options = append(options, pkcs11.InitializeWithReserved(unsafe.Pointer(&reserved[0])))
	}
	err := m.isolated("C_Initialize", timeout, func() error { return m.ctx.Initialize(options...) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gen++
	m.up = err == nil
	m.shut = false
	m.signal()
	if isRV(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return fmt.Errorf("initialising module %s: %w: another part of this process uses it: %w", m.path, ErrModule,
			err)
	}
	if err != nil {
		if why := whySoftHSM(err); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
		return fmt.Errorf("initialising module %s: %w: %w", m.path, ErrModule, err)
	}
	return nil
}

// finalize waits until no call is inside and calls C_Finalize. The caller holds renewing.
func (m *module) finalize(ctx context.Context, timeout time.Duration) error {
	m.mu.Lock()
	m.shut = true
	m.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		m.mu.Lock()
		n, changed := m.inside, m.changed
		if n == 0 {
			break // with the lock
		}
		m.mu.Unlock()
		var err error
		select {
		case <-changed:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-timer.C:
			err = fmt.Errorf("finalising module %s: %w: %d calls hang inside it; restart this process", m.path,
				ErrTimeout, n)
		}
		m.mu.Lock()
		m.shut = false
		m.signal()
		m.mu.Unlock()
		return err
	}
	m.up = false
	m.mu.Unlock()
	err := m.isolated("C_Finalize", timeout, m.ctx.Finalize)
	m.mu.Lock()
	m.shut = false
	m.signal()
	m.mu.Unlock()
	if errors.Is(err, ErrTimeout) {
		return err
	}
	return nil // whatever else the module says, it was told
}

// isolated runs one of the two calls that nothing else may overlap. One that hangs leaves the module unusable.
func (m *module) isolated(name string, timeout time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		err := fmt.Errorf("%s of module %s: %w: nothing after %v; restart this process", name, m.path, ErrTimeout,
			timeout)
		m.mu.Lock()
		m.dead = err
		m.signal()
		m.mu.Unlock()
		return err
	}
}

// signal wakes all who wait for a change. The caller holds mu.
func (m *module) signal() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// enter waits until calls are admitted. With gen ≠ 0 it refuses a handle of another generation.
func (m *module) enter(ctx context.Context, gen uint64) error {
	for {
		m.mu.Lock()
		switch {
		case m.dead != nil:
			defer m.mu.Unlock()
			return m.dead
		case !m.shut && gen != 0 && gen != m.gen:
			m.mu.Unlock()
			return errStale
		case !m.shut && !m.up:
			m.mu.Unlock()
			return pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
		case !m.shut:
			m.inside++
			m.mu.Unlock()
			return nil
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *module) leave() {
	m.mu.Lock()
	m.inside--
	if m.shut && m.inside == 0 {
		m.signal()
	}
	m.mu.Unlock()
}

// call runs f, which makes calls into the module with handles of generation gen. When f takes longer than timeout or
// ctx ends, call returns and f is left behind, because C code cannot be interrupted; late, if not nil, runs when f
// ends after all. What f writes may be read only when call returns nil or the module's own error.
func (m *module) call(ctx context.Context, gen uint64, timeout time.Duration, f func(c *pkcs11.Ctx) error,
	late func()) error {
	err := m.enter(ctx, gen)
	if err != nil {
		return err
	}
	const ended, abandoned = 1, 2
	var state atomic.Int32
	done := make(chan error, 1)
	go func() {
		err := f(m.ctx)
		m.leave()
		if state.CompareAndSwap(0, ended) {
			done <- err
		} else if late != nil {
			late()
		}
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		err = fmt.Errorf("calling module %s: %w: nothing after %v; look at the HSM and the way to it", m.path,
			ErrTimeout, timeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if !state.CompareAndSwap(0, abandoned) {
		return <-done
	}
	return &leftBehind{err}
}

// leftBehind says that the call is still inside the module.
type leftBehind struct{ error }

func (e *leftBehind) Unwrap() error { return e.error }

func wasLeftBehind(err error) bool {
	_, ok := errors.AsType[*leftBehind](err)
	return ok
}

// generation is the number of the newest initialisation.
func (m *module) generation() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gen
}
