package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
	"go.uber.org/zap"
)

// logIn logs the user in on the keeper session, by the rule of the package comment.
func (t *Token) logIn(ctx context.Context, line *connection, info pkcs11.TokenInfo) error {
	if t.cfg.PIN == nil || info.Flags&pkcs11.CKF_LOGIN_REQUIRED == 0 {
		return nil
	}
	err := loginAllowed(t.want, info)
	if errors.Is(err, ErrPINLocked) {
		t.stop(err)
	}
	if err != nil {
		return err
	}
	pin, err := t.userPIN(ctx)
	if err != nil {
		return err
	}
	name := clean(info.Label) + "/" + clean(info.SerialNumber)
	memory := newRefusals(t.cfg.StateDir)
	unlock, err := memory.lock(ctx)
	if err != nil {
		return fmt.Errorf("logging in to token %s: %w", t.want, err)
	}
	defer unlock()
	at, refused, err := memory.check(name, pin)
	if err != nil {
		return fmt.Errorf("logging in to token %s: %w", t.want, err)
	}
	if refused {
		err = fmt.Errorf("logging in to token %s: %w: the token refused this same PIN on %s, and it is not tried "+
			"again; correct the PIN", t.want, ErrPINRefused, at.Format("2006-01-02 15:04:05Z"))
		t.stop(err)
		return err
	}
	err = t.module.call(ctx, line.gen, t.cfg.Timeout, func(c *pkcs11.Ctx) error {
		return c.Login(line.keeper, pkcs11.CKU_USER, string(pin))
	}, nil)
	switch {
	case err == nil:
		t.log.Info("logged in", zap.String("token", t.want.String()))
		return memory.clear(name)
	case isRV(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN): // through another Token of this process
		return nil
	case isRV(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE):
		refusal := fmt.Errorf("logging in to token %s: %w: %w; it is not tried again; correct the PIN", t.want,
			ErrPINRefused, err)
		t.stop(refusal)
		err = memory.add(name, pin, t.cfg.Now())
		if err != nil {
			return fmt.Errorf("%w (and remembering that: %w)", refusal, err)
		}
		return refusal
	case isRV(err, pkcs11.CKR_PIN_LOCKED):
		err = fmt.Errorf("logging in to token %s: %w: %w; the security officer has to set a new user PIN", t.want,
			ErrPINLocked, err)
		t.stop(err)
		return err
	case isRV(err, pkcs11.CKR_PIN_EXPIRED):
		return fmt.Errorf("logging in to token %s: %w: change the user PIN with the HSM's own tool first", t.want, err)
	}
	return fmt.Errorf("logging in to token %s: %w", t.want, err)
}

// loginAllowed refuses where a login could do harm or cannot work.
func loginAllowed(name URI, info pkcs11.TokenInfo) error {
	switch {
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("logging in to token %s: %w: it says that its user PIN is locked; the security officer has "+
			"to set a new one", name, ErrPINLocked)
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("logging in to token %s: %w: it says that one more wrong PIN locks it; log in once by hand "+
			"with the HSM's own tool, which resets the count", name, ErrPINLocked)
	case info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0:
		return fmt.Errorf("logging in to token %s: it has no user PIN yet; initialise it first: %w", name,
			pkcs11.Error(pkcs11.CKR_USER_PIN_NOT_INITIALIZED))
	}
	return nil
}

// userPIN asks the source the first time, and keeps the answer.
func (t *Token) userPIN(ctx context.Context) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped != nil {
		return nil, t.stopped
	}
	if t.pin == nil {
		pin, err := t.cfg.PIN(ctx)
		if err != nil {
			return nil, err
		}
		pin, err = checkPIN(pin, "the PIN source's answer")
		if err != nil {
			return nil, err
		}
		t.pin = pin
	}
	// A copy, since Close wipes the kept one while this one may still be in use.
	return append([]byte(nil), t.pin...), nil
}
