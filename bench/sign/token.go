package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"github.com/miekg/pkcs11"

	"seihon/hsmsign/token"
)

const (
	tokenLabel = "bench"
	userPIN    = "1234-user"
	soPIN      = "5678-officer"
)

func tokenConfig(s settings) token.Config {
	return token.Config{
		Module:     s.module,
		TokenLabel: tokenLabel,
		PIN:        func(context.Context) ([]byte, error) { return []byte(userPIN), nil },
		Sessions:   s.sessions,
	}
}

// makeToken makes a SoftHSM token with a key of each algorithm, and a CA that issues the certificates of these keys.
func makeToken(ctx context.Context, s settings) (err error) {
	tokens, conf := s.path("tokens"), s.path("softhsm2.conf")
	err = errors.Join(
		os.Mkdir(tokens, 0o700),
		os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"),
			0o600),
		os.Setenv("SOFTHSM2_CONF", conf)) // the children inherit it
	if err != nil {
		return err
	}
	if err := token.InitToken(ctx, tokenConfig(s), []byte(soPIN), []byte(userPIN)); err != nil {
		return err
	}
	ca, caKey, err := makeCA(s)
	if err != nil {
		return err
	}
	t, err := token.Open(ctx, tokenConfig(s))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	for _, algorithm := range []string{"rsa2048", "p256", "ed25519"} {
		key, err := t.GenerateKey(ctx, algorithm, algorithm)
		if err != nil {
			return err
		}
		if err := issueResponder(s, algorithm+".pem", ca, caKey, key.Public()); err != nil {
			return err
		}
	}
	return nil
}

// rawRate is C_SignInit and C_Sign, one goroutine per session, and nothing else.
func rawRate(_ context.Context, s settings, algorithm string) (_ float64, err error) {
	c := pkcs11.New(s.module)
	if c == nil {
		return 0, fmt.Errorf("loading %s", s.module)
	}
	if err := c.Initialize(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Finalize()) }()
	sessions, key, err := rawSessions(c, s.sessions, algorithm)
	if err != nil {
		return 0, err
	}
	// DigestInfo of SHA-256 (RFC 8017 section 9.2, note 1).
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
		0x00, 0x04, 0x20}
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)}
	if algorithm == "p256" {
		prefix, mechanism = nil, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}
	}
	digests := make([][32]byte, s.sessions)
	return rate(s.sessions, s.time, func(caller int) error {
		digests[caller] = sha256.Sum256(digests[caller][:])
		if err := c.SignInit(sessions[caller], mechanism, key); err != nil {
			return err
		}
		_, err := c.Sign(sessions[caller], append(prefix[:len(prefix):len(prefix)], digests[caller][:]...))
		return err
	})
}

// rawSessions opens sessions, logs in, and finds the key.
func rawSessions(c *pkcs11.Ctx, n int, algorithm string) ([]pkcs11.SessionHandle, pkcs11.ObjectHandle, error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return nil, 0, err
	}
	var sessions []pkcs11.SessionHandle
	for _, slot := range slots {
		info, err := c.GetTokenInfo(slot)
		if err != nil || info.Label != tokenLabel {
			continue
		}
		for range n {
			session, err := c.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
			if err != nil {
				return nil, 0, err
			}
			sessions = append(sessions, session)
		}
	}
	if len(sessions) != n {
		return nil, 0, fmt.Errorf("finding the token %q: %d sessions", tokenLabel, len(sessions))
	}
	if err := c.Login(sessions[0], pkcs11.CKU_USER, userPIN); err != nil {
		return nil, 0, err
	}
	if err := c.FindObjectsInit(sessions[0], []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, algorithm)}); err != nil {
		return nil, 0, err
	}
	keys, _, err := c.FindObjects(sessions[0], 2)
	err = errors.Join(err, c.FindObjectsFinal(sessions[0]))
	if err != nil || len(keys) != 1 {
		return nil, 0, fmt.Errorf("finding the key %q: %d keys, %v", algorithm, len(keys), err)
	}
	return sessions, keys[0], nil
}
