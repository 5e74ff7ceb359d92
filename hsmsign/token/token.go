// Package token signs with keys that live in a PKCS#11 token, as a certificate authority's HSM.
//
// # One owner per module
//
// C_Initialize, C_Finalize and C_Login act on the whole process. So a module is loaded once per process whatever
// number of Tokens is opened on it, every call into it is counted, and nothing finalises it while a call is inside.
//
// # Sessions
//
// A Token has one keeper session, which carries the login and is used to look things up, and a pool of read-only
// sessions (Config.Sessions), which do nothing but C_SignInit and a single-part C_Sign. Hashing is done in software:
// the digest of public data is no secret, and it saves the HSM's time. Key handles are looked up once and cached until
// the token is connected anew.
//
// # The way a signature takes
//
//	Key.SignContext → prepare (mechanism, input) → session from the pool → C_SignInit, C_Sign → session back
//	                → decode → verify with the public key → caller
//
// The self-check runs while the session is already signing for someone else. A signature that does not verify is
// never returned: a faulty RSA signature gives the private key away (Boneh, DeMillo, Lipton 1997).
//
// # When things break
//
// An error of the module calls for one of four remedies (remedyFor). A lost session is evicted and replaced. A lost
// device has the module finalised and initialised with growing pauses until the token is back (Config.Outage), once
// for all who wait; the signature in hand is then retried once. A throttling token is given time. Everything else is
// returned at once. A call that does not return within Config.Timeout is left behind together with its session; the
// others go on.
//
// # PINs
//
// A wrong PIN is the way to lose an HSM, so the rule is strict: no login at all when the token says that the next
// failure locks it, and never a second login with a PIN that was refused, not by this process and, with
// Config.StateDir, not by the next one either. A PIN that has been accepted is used again when the token comes back.
//
// # Evidence
//
// Evidence reads what the token claims about itself and the key, one attribute at a time since one unknown attribute
// would spoil the whole answer, and Approvals judges it against the operator's signed list of modules. Flags are
// claims of the token, not proofs.
package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
)

// Config says which token to open and how to behave towards it.
type Config struct {
	Module       string // path of the PKCS#11 module, such as /usr/lib/softhsm/libsofthsm2.so
	ModuleConfig string // string passed to C_Initialize (NSS: "configdir='sql:/dir' …"); empty for most modules

	// The token: all that is not empty must match, and exactly one token must.
	TokenLabel  string
	TokenSerial string
	URI         string // RFC 7512, such as pkcs11:token=ca;serial=0123

	PIN      PINSource     // nil: no login; what is private in the token stays out of sight
	StateDir string        // where refused PINs are remembered; empty: in this process only
	Sessions int           // size of the pool; 0 means 8, at most 64
	Timeout  time.Duration // for one call into the module; 0 means 30 s
	Outage   time.Duration // how long a lost token is waited for, beside one Timeout; 0 means 30 s
	Now      func() time.Time
	Logger   *zap.Logger

	sign signFunc // tests put faults here
}

const (
	defaultSessions = 8
	maxSessions     = 64
	defaultTimeout  = 30 * time.Second
	defaultOutage   = 30 * time.Second
)

// withDefaults checks c, fills in what is left open and returns the URI that selects the token.
func (c Config) withDefaults() (Config, URI, error) {
	u, err := c.selector()
	if err != nil {
		return c, u, err
	}
	if u.ModulePath != "" && c.Module != "" && u.ModulePath != c.Module {
		return c, u, fmt.Errorf("opening token: the URI names module %s, the configuration %s", u.ModulePath, c.Module)
	}
	if c.Module == "" {
		c.Module = u.ModulePath
	}
	if c.Sessions == 0 {
		c.Sessions = defaultSessions
	}
	if c.Sessions < 1 || c.Sessions > maxSessions {
		return c, u, fmt.Errorf("opening token: %d sessions: it must be 1 to %d", c.Sessions, maxSessions)
	}
	if c.Timeout < 0 || c.Outage < 0 {
		return c, u, errors.New("opening token: a timeout is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Outage == 0 {
		c.Outage = defaultOutage
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.sign == nil {
		c.sign = signOnce
	}
	return c, u, nil
}

// selector merges label, serial and URI.
func (c Config) selector() (URI, error) {
	var u URI
	if c.URI != "" {
		var err error
		u, err = ParseURI(c.URI)
		if err != nil {
			return u, err
		}
	}
	for _, f := range []struct {
		name     string
		from, to *string
	}{{"label", &c.TokenLabel, &u.Token}, {"serial", &c.TokenSerial, &u.Serial}} {
		if *f.from == "" {
			continue
		}
		if *f.to != "" && *f.to != *f.from {
			return u, fmt.Errorf("opening token: the URI asks for %s %q, the configuration for %q", f.name, *f.to,
				*f.from)
		}
		*f.to = *f.from
	}
	if u.Token == "" && u.Serial == "" && u.SlotID == nil {
		return u, errors.New("opening token: neither label, serial nor slot of the token is configured")
	}
	return u, nil
}

// Token is an open token with its pool of sessions. It is safe for concurrent use.
type Token struct {
	cfg    Config
	want   URI
	module *module
	log    *zap.Logger

	connecting chan struct{} // capacity 1: held while connecting
	keeping    sync.Mutex    // the keeper session does one thing at a time
	line       atomic.Pointer[connection]
	failures   atomic.Uint64 // how often a reconnection was given up
	failure    error         // why, until a connection succeeds; guarded by connecting

	pool chan *session
	size atomic.Int32 // sessions that the pool may hold: Config.Sessions, or fewer when the token has fewer
	hung atomic.Int32 // sessions whose call was left behind

	mu      sync.Mutex
	pin     []byte
	stopped error // set for good: closed, or a PIN was refused
}

// Open loads the module, finds the one token that cfg selects, and logs in.
func Open(ctx context.Context, cfg Config) (*Token, error) {
	cfg, want, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := load(ctx, cfg.Module, cfg.ModuleConfig, cfg.Timeout)
	if err != nil {
		return nil, err
	}
	t := &Token{cfg: cfg, want: want, module: m, log: cfg.Logger, connecting: make(chan struct{}, 1),
		pool: make(chan *session, cfg.Sessions)}
	t.size.Store(int32(cfg.Sessions))
	for range cfg.Sessions {
		t.pool <- &session{}
	}
	err = t.connectFirst(ctx)
	if err != nil {
		return nil, also(err, t.Close())
	}
	return t, nil
}

// Sessions is the number of signatures that the token makes at the same time. To keep it busy while signatures are
// checked, a batch needs a few more callers than that.
func (t *Token) Sessions() int { return int(t.size.Load()) }

// Close ends all sessions, which logs out, and finalises the module when no other Token uses it.
func (t *Token) Close() error {
	t.mu.Lock()
	if errors.Is(t.stopped, ErrClosed) {
		t.mu.Unlock()
		return nil
	}
	t.stopped = fmt.Errorf("using token %s: %w", t.want, ErrClosed)
	clear(t.pin)
	t.pin = nil
	t.mu.Unlock()
	line := t.line.Load()
	if line != nil {
		ctx := context.Background()
		for range cap(t.pool) {
			select {
			case s := <-t.pool:
				t.drop(ctx, s)
			default:
			}
		}
		t.closeSession(ctx, line.gen, line.keeper)
	}
	return t.module.release(t.cfg.Timeout)
}

// stop makes every later use of t return err.
func (t *Token) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped == nil {
		t.stopped = err
	}
}

func (t *Token) usable() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped
}

// Info is what module and token say about themselves.
type Info struct {
	Module          string   `json:"module"`
	ModuleSHA256    string   `json:"module_sha256"`
	Library         string   `json:"library"`
	LibraryMaker    string   `json:"library_manufacturer"`
	LibraryVersion  string   `json:"library_version"`
	Cryptoki        string   `json:"cryptoki"`
	Slot            uint     `json:"slot"`
	Label           string   `json:"label"`
	Serial          string   `json:"serial"`
	Manufacturer    string   `json:"manufacturer"`
	Model           string   `json:"model"`
	HardwareVersion string   `json:"hardware_version"`
	FirmwareVersion string   `json:"firmware_version"`
	Flags           []string `json:"flags"`
}

// Info asks module and token about themselves.
func (t *Token) Info(ctx context.Context) (Info, error) {
	var info Info
	err := t.lookUp(ctx, func(c *pkcs11.Ctx, line *connection) error {
		library, err := c.GetInfo()
		if err != nil {
			return fmt.Errorf("asking module %s about itself: %w", t.cfg.Module, err)
		}
		token, err := c.GetTokenInfo(line.slot)
		if err != nil {
			return fmt.Errorf("asking token %s about itself: %w", t.want, err)
		}
		info = Info{
			Module: t.cfg.Module, ModuleSHA256: fmt.Sprintf("%x", t.module.digest),
			Library: clean(library.LibraryDescription), LibraryMaker: clean(library.ManufacturerID),
			LibraryVersion: version(library.LibraryVersion), Cryptoki: version(library.CryptokiVersion),
			Slot: line.slot, Label: clean(token.Label), Serial: clean(token.SerialNumber),
			Manufacturer: clean(token.ManufacturerID), Model: clean(token.Model),
			HardwareVersion: version(token.HardwareVersion), FirmwareVersion: version(token.FirmwareVersion),
			Flags: flagNames(token.Flags),
		}
		return nil
	})
	return info, err
}

func version(v pkcs11.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// clean drops the padding that some modules make of zero bytes instead of spaces.
func clean(s string) string { return strings.TrimRight(s, " \x00") }

var tokenFlags = []struct {
	flag uint
	name string
}{
	{pkcs11.CKF_RNG, "RNG"},
	{pkcs11.CKF_WRITE_PROTECTED, "WRITE_PROTECTED"},
	{pkcs11.CKF_LOGIN_REQUIRED, "LOGIN_REQUIRED"},
	{pkcs11.CKF_USER_PIN_INITIALIZED, "USER_PIN_INITIALIZED"},
	{pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH, "PROTECTED_AUTHENTICATION_PATH"},
	{pkcs11.CKF_TOKEN_INITIALIZED, "TOKEN_INITIALIZED"},
	{pkcs11.CKF_USER_PIN_COUNT_LOW, "USER_PIN_COUNT_LOW"},
	{pkcs11.CKF_USER_PIN_FINAL_TRY, "USER_PIN_FINAL_TRY"},
	{pkcs11.CKF_USER_PIN_LOCKED, "USER_PIN_LOCKED"},
	{pkcs11.CKF_USER_PIN_TO_BE_CHANGED, "USER_PIN_TO_BE_CHANGED"},
	{pkcs11.CKF_SO_PIN_COUNT_LOW, "SO_PIN_COUNT_LOW"},
	{pkcs11.CKF_SO_PIN_FINAL_TRY, "SO_PIN_FINAL_TRY"},
	{pkcs11.CKF_SO_PIN_LOCKED, "SO_PIN_LOCKED"},
	{pkcs11.CKF_SO_PIN_TO_BE_CHANGED, "SO_PIN_TO_BE_CHANGED"},
}

func flagNames(flags uint) []string {
	names := []string{}
	for _, f := range tokenFlags {
		if flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	return names
}
