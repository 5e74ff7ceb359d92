package token

// SignFunc makes one signature on one session of the token.
type SignFunc = signFunc

// WithFault puts wrap between the pool and the module.
func WithFault(cfg Config, wrap func(next SignFunc) SignFunc) Config {
	cfg.sign = wrap(signOnce)
	return cfg
}

// RemedyNames names what remedyFor answers.
var RemedyNames = map[remedy]string{giveUp: "give up", newSession: "new session", newModule: "new module",
	waitAndRetry: "wait"}

// RemedyFor classifies an error.
func RemedyFor(err error) string { return RemedyNames[remedyFor(err)] }

// ECDSADER encodes a raw signature.
var ECDSADER = ecdsaDER

// ReadApprovals reads the list without asking who signed it.
var ReadApprovals = readApprovals
