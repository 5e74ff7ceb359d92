package token

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// The conditions that a caller may want to tell apart. Each is wrapped in a sentence that says what to do.
var (
	ErrModule       = errors.New("module unusable")
	ErrTokenAbsent  = errors.New("token absent")
	ErrTokenExists  = errors.New("token exists already")
	ErrPINRefused   = errors.New("PIN refused")
	ErrPINLocked    = errors.New("PIN locked or at its last try")
	ErrKeyNotFound  = errors.New("no such key")
	ErrKeyAmbiguous = errors.New("more than one such key")
	ErrKeyExists    = errors.New("key exists already")
	ErrWrongKey     = errors.New("wrong key")
	ErrBadSignature = errors.New("signature does not verify")
	ErrTimeout      = errors.New("module did not answer in time")
	ErrClosed       = errors.New("token is closed")
)

// remedy is what an error of the module calls for.
type remedy int

const (
	giveUp       remedy = iota // retrying cannot help
	newSession                 // this session, or the login behind it, is gone
	newModule                  // the device or its driver is gone: finalise, initialise, start anew
	waitAndRetry               // the token is busy or throttles
)

// also adds what went wrong while cleaning up after err, in the same sentence.
func also(err, cleanup error) error {
	switch {
	case cleanup == nil:
		return err
	case err == nil:
		return cleanup
	}
	return fmt.Errorf("%w; after that: %w", err, cleanup)
}

// remedyFor classifies err. What is not listed is given up on: to retry blindly against a device that guards a CA key
// can lock it or wear it out.
func remedyFor(err error) remedy {
	var rv pkcs11.Error
	if !errors.As(err, &rv) {
		return giveUp
	}
	switch uint(rv) {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID,
		pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_OPERATION_NOT_INITIALIZED:
		return newSession
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_SLOT_ID_INVALID,
		pkcs11.CKR_GENERAL_ERROR:
		return newModule
	case pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_DEVICE_MEMORY, pkcs11.CKR_SESSION_COUNT,
		pkcs11.CKR_USER_PIN_NOT_INITIALIZED: // of a SoftHSM token whose file is being rewritten
		return waitAndRetry
	}
	return giveUp
}

// isRV reports whether err is, or wraps, one of these return values.
func isRV(err error, values ...uint) bool {
	var rv pkcs11.Error
	if !errors.As(err, &rv) {
		return false
	}
	for _, v := range values {
		if uint(rv) == v {
			return true
		}
	}
	return false
}
