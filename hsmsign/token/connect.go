package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
)

// connection is a token that was found and logged in to. It is immutable; a new one has a higher epoch.
type connection struct {
	epoch  uint64
	gen    uint64 // of the module
	slot   uint
	keeper pkcs11.SessionHandle
	stuck  atomic.Bool // a call on the keeper session was left behind: that session must not be touched
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
	// SoftHSM reads its token directory in C_Initialize, and C_Login rewrites the token's file. So a process that
	// starts while another one logs in can find no token (10 of 32 starts, four at a time), one without a user PIN, or
	// get CKR_GENERAL_ERROR. All that is believed only when it is so again a little later.
	firstTries = 4
)

// connectFirst connects when there was no connection yet: an absent token is an error of the configuration, so it is
// not waited for as one that was there before.
func (t *Token) connectFirst(ctx context.Context) error {
	pause := firstPause
	for try := 1; ; try++ {
		gen := t.module.generation()
		err := t.connect(ctx, 1)
		doubtful := errors.Is(err, ErrTokenAbsent) || remedyFor(err) != giveUp
		if !doubtful || try == firstTries || t.module.shared() {
			return err
		}
		err = sleep(ctx, pause)
		if err != nil {
			return err
		}
		err = t.module.renew(ctx, gen, t.cfg.Timeout)
		if err != nil && remedyFor(err) == giveUp {
			return err
		}
		pause *= 2
	}
}

// reconnect replaces the connection bad, once for all who ask. It waits for a lost token as long as Config.Outage.
func (t *Token) reconnect(ctx context.Context, bad *connection, cause error) error {
	asked := t.failures.Load()
	select {
	case t.connecting <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.connecting }()
	err := t.usable()
	if err != nil || t.line.Load() != bad {
		return err
	}
	if t.failures.Load() != asked {
		return t.failure // whoever waited in line while another one waited in vain has waited long enough
	}
	t.log.Warn("token lost, connecting again", zap.String("token", t.want.String()), zap.Error(cause))
	started := t.cfg.Now()
	patience := t.cfg.Outage
	if t.failure != nil {
		patience = 0 // it was waited for once; a batch that goes on all the same must not wait at every signature
	}
	err = t.recover(ctx, bad, cause, patience)
	if err != nil {
		t.failure = err
		t.failures.Add(1)
		return err
	}
	t.failure = nil
	t.log.Info("token connected again", zap.String("token", t.want.String()),
		zap.Duration("elapsed", t.cfg.Now().Sub(started)))
	return nil
}

// recover tries to connect with growing pauses until it works, or cannot work, or the pauses add up to patience.
// However slowly the token answers meanwhile, it ends when patience and one timeout are over.
func (t *Token) recover(outer context.Context, bad *connection, cause error, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(outer, patience+t.cfg.Timeout)
	defer cancel()
	err := t.connectAgain(ctx, bad, cause, patience)
	if err != nil && ctx.Err() != nil && outer.Err() == nil {
		return fmt.Errorf("waiting %v for the token: %w: it answers slowly or not at all (it was lost with: %w)",
			patience, ErrTimeout, cause)
	}
	return err
}

func (t *Token) connectAgain(ctx context.Context, bad *connection, cause error, patience time.Duration) error {
	var waited time.Duration
	gen := t.module.generation()
	afresh := remedyFor(cause) == newModule && gen == bad.gen
	if !afresh && !bad.stuck.Load() {
		t.closeSession(ctx, bad.gen, bad.keeper)
	}
	pause := firstPause
	for try := 1; ; try++ {
		if afresh {
			err := t.module.renew(ctx, gen, t.cfg.Timeout)
			if err != nil && remedyFor(err) == giveUp {
				return err
			}
		}
		gen, afresh = t.module.generation(), true
		err := t.connect(ctx, bad.epoch+1)
		if err == nil {
			return nil
		}
		if remedyFor(err) == giveUp && !errors.Is(err, ErrTokenAbsent) {
			return err
		}
		if try > 1 && waited+pause > patience { // the first try may have been without a new initialisation
			return fmt.Errorf("waiting %v for the token: %w (it was lost with: %w)", patience, err, cause)
		}
		err = sleep(ctx, pause)
		if err != nil {
			return err
		}
		waited += pause
		pause = min(2*pause, maxPause)
	}
}

// connect finds the token, opens the keeper session and logs in.
func (t *Token) connect(ctx context.Context, epoch uint64) error {
	err := t.usable()
	if err != nil {
		return err
	}
	line := &connection{epoch: epoch, gen: t.module.generation()}
	var info pkcs11.TokenInfo
	err = t.module.call(ctx, line.gen, t.cfg.Timeout, func(c *pkcs11.Ctx) error {
		var err error
		line.slot, info, err = find(c, t.cfg.Module, t.want)
		if err != nil {
			return err
		}
		line.keeper, err = c.OpenSession(line.slot, pkcs11.CKF_SERIAL_SESSION)
		if err != nil {
			return fmt.Errorf("opening a session with token %s: %w", t.want, err)
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	err = t.logIn(ctx, line, info)
	if err != nil {
		t.closeSession(ctx, line.gen, line.keeper)
		return err
	}
	t.line.Store(line)
	return nil
}

// find looks for the one token that u selects.
func find(c *pkcs11.Ctx, module string, u URI) (uint, pkcs11.TokenInfo, error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return 0, pkcs11.TokenInfo{}, fmt.Errorf("listing the tokens of module %s: %w", module, err)
	}
	var found []pkcs11.TokenInfo
	var slot uint
	var seen []string
	for _, s := range slots {
		info, err := c.GetTokenInfo(s)
		if err != nil {
			// One bad slot must not hide the others, but the reader of the error must hear of it.
			seen = append(seen, fmt.Sprintf("slot %d (%v)", s, err))
			continue
		}
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		seen = append(seen, fmt.Sprintf("%q serial %q", clean(info.Label), clean(info.SerialNumber)))
		if u.matches(s, info) {
			found, slot = append(found, info), s
		}
	}
	here := "no token"
	if len(seen) > 0 {
		here = strings.Join(seen, ", ")
	}
	switch len(found) {
	case 1:
		return slot, found[0], nil
	case 0:
		return 0, pkcs11.TokenInfo{},
			fmt.Errorf("finding token %s: %w: module %s shows %s; connect the token or correct label and serial", u,
				ErrTokenAbsent, module, here)
	}
	return 0, pkcs11.TokenInfo{}, fmt.Errorf("finding token %s: %d tokens match: module %s shows %s; add the serial", u,
		len(found), module, here)
}

// matches reports whether the token in slot is one that u selects.
func (u URI) matches(slot uint, info pkcs11.TokenInfo) bool {
	same := func(want, got string) bool { return want == "" || want == clean(got) }
	return same(u.Token, info.Label) && same(u.Serial, info.SerialNumber) && same(u.Model, info.Model) &&
		same(u.Manufacturer, info.ManufacturerID) && (u.SlotID == nil || *u.SlotID == slot)
}

// lookUp runs f on the keeper session, and again after a lost connection was replaced.
func (t *Token) lookUp(ctx context.Context, f func(c *pkcs11.Ctx, line *connection) error) error {
	for try := 1; ; try++ {
		err := t.usable()
		if err != nil {
			return err
		}
		line := t.line.Load()
		err = t.keep(ctx, line, f)
		if r := remedyFor(err); err == nil || try == 3 || r != newSession && r != newModule {
			return err
		}
		err = t.reconnect(ctx, line, err)
		if err != nil {
			return err
		}
	}
}

// keep runs f on the keeper session of line.
func (t *Token) keep(ctx context.Context, line *connection, f func(c *pkcs11.Ctx, line *connection) error) error {
	return t.keepFor(ctx, t.cfg.Timeout, line, f)
}

func (t *Token) keepFor(ctx context.Context, timeout time.Duration, line *connection,
	f func(c *pkcs11.Ctx, line *connection) error) error {
	t.keeping.Lock()
	defer t.keeping.Unlock()
	if line.stuck.Load() {
		return errStale
	}
	err := t.module.call(ctx, line.gen, timeout, func(c *pkcs11.Ctx) error { return f(c, line) }, nil)
	if wasLeftBehind(err) {
		line.stuck.Store(true)
	}
	return err
}

// alive reports whether the keeper session of line still exists and is logged in.
func (t *Token) alive(ctx context.Context, line *connection) bool {
	err := t.keep(ctx, line, func(c *pkcs11.Ctx, line *connection) error {
		info, err := c.GetSessionInfo(line.keeper)
		if err != nil {
			return err
		}
		if t.cfg.PIN != nil && info.State != pkcs11.CKS_RO_USER_FUNCTIONS &&
			info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
			return pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
		}
		return nil
	})
	return err == nil
}

// closeSession closes a session as a courtesy: a token that is gone has closed it itself.
func (t *Token) closeSession(ctx context.Context, gen uint64, s pkcs11.SessionHandle) {
	_ = t.module.call(ctx, gen, t.cfg.Timeout, func(c *pkcs11.Ctx) error { return c.CloseSession(s) }, nil)
}

// shared reports whether other Tokens use the module, which must then not be finalised lightly.
func (m *module) shared() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.users > 1
}

// sleep waits, or returns early with the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
