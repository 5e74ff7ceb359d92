package token

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/pkcs11"
)

// EvidenceSchema names the form of the evidence document.
const EvidenceSchema = "seihon/key-evidence/v1"

// Use says what the token is being used for. The report (3-3, on HSMs that are operated over a network) asks to tell
// operations that change the state of a key from those that do not.
type Use string

// The uses.
const (
	UseSigning   Use = "signing"
	UseKeyChange Use = "key-state-changing"
)

// Evidence is what a token claims about itself and its keys at one time. It is a record of claims: a flag is what the
// token's software says, and nothing in PKCS#11 proves it.
type Evidence struct {
	Schema string        `json:"schema"`
	Notice string        `json:"notice"`
	Time   time.Time     `json:"time"`
	Use    Use           `json:"use"`
	Token  Info          `json:"token"`
	Keys   []KeyEvidence `json:"keys"` // by label, then id
}

// KeyEvidence is what the token claims about one private key.
type KeyEvidence struct {
	Label      string            `json:"label"`
	ID         string            `json:"id"` // hexadecimal
	Algorithm  string            `json:"algorithm"`
	SPKISHA256 string            `json:"spki_sha256"`
	Attributes map[string]string `json:"attributes"` // "true", "false", or "unknown" when the token does not tell
}

const evidenceNotice = "claims of the token, read through PKCS#11; not an attestation"

// claims are the attributes that say how a private key is kept and what it may do.
var claims = []struct {
	typ  uint
	name string
}{
	{pkcs11.CKA_TOKEN, "TOKEN"},
	{pkcs11.CKA_PRIVATE, "PRIVATE"},
	{pkcs11.CKA_SENSITIVE, "SENSITIVE"},
	{pkcs11.CKA_EXTRACTABLE, "EXTRACTABLE"},
	{pkcs11.CKA_ALWAYS_SENSITIVE, "ALWAYS_SENSITIVE"},
	{pkcs11.CKA_NEVER_EXTRACTABLE, "NEVER_EXTRACTABLE"},
	{pkcs11.CKA_LOCAL, "LOCAL"},
	{pkcs11.CKA_MODIFIABLE, "MODIFIABLE"},
	{pkcs11.CKA_COPYABLE, "COPYABLE"},
	{pkcs11.CKA_DESTROYABLE, "DESTROYABLE"},
	{pkcs11.CKA_SIGN, "SIGN"},
	{pkcs11.CKA_SIGN_RECOVER, "SIGN_RECOVER"},
	{pkcs11.CKA_DECRYPT, "DECRYPT"},
	{pkcs11.CKA_UNWRAP, "UNWRAP"},
	{pkcs11.CKA_DERIVE, "DERIVE"},
	{pkcs11.CKA_ALWAYS_AUTHENTICATE, "ALWAYS_AUTHENTICATE"},
	{pkcs11.CKA_WRAP_WITH_TRUSTED, "WRAP_WITH_TRUSTED"},
}

// Evidence collects the claims about the token and these keys.
func (t *Token) Evidence(ctx context.Context, use Use, keys ...*Key) (*Evidence, error) {
	if use != UseSigning && use != UseKeyChange {
		return nil, fmt.Errorf("collecting evidence: use %q is neither %s nor %s", use, UseSigning, UseKeyChange)
	}
	info, err := t.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("collecting evidence: %w", err)
	}
	e := &Evidence{Schema: EvidenceSchema, Notice: evidenceNotice, Time: t.cfg.Now().UTC().Truncate(time.Second),
		Use: use, Token: info, Keys: []KeyEvidence{}}
	for _, k := range keys {
		if k.token != t {
			return nil, fmt.Errorf("collecting evidence: key %q is on another token", k.label)
		}
		var claimed map[string]string
		err = t.lookUp(ctx, func(c *pkcs11.Ctx, line *connection) error {
			handle, err := findKey(c, line.keeper, URI{Object: k.label, ID: k.id}, false)
			if err != nil {
				return err
			}
			claimed = make(map[string]string, len(claims))
			for _, a := range claims {
				claimed[a.name] = boolean(attribute(c, line.keeper, handle, a.typ))
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("collecting evidence: %w", err)
		}
		e.Keys = append(e.Keys, KeyEvidence{
			Label: k.label, ID: fmt.Sprintf("%x", k.id), Algorithm: algorithmName(k.public),
			SPKISHA256: fmt.Sprintf("%x", k.Pin()), Attributes: claimed,
		})
	}
	slices.SortFunc(e.Keys, func(a, b KeyEvidence) int {
		return strings.Compare(a.Label+"\x00"+a.ID, b.Label+"\x00"+b.ID)
	})
	return e, nil
}

// JSON is the document for the ledger: the same bytes for the same claims.
func (e *Evidence) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(e, "", "  ") // maps are sorted by key
	if err != nil {
		return nil, fmt.Errorf("encoding evidence: %w", err)
	}
	return append(b, '\n'), nil
}

// boolean reads a CK_BBOOL.
func boolean(b []byte) string {
	if len(b) != 1 {
		return "unknown"
	}
	if b[0] == 0 {
		return "false"
	}
	return "true"
}
