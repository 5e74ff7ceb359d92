package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"seihon/internal/regular"
	"seihon/verify"
)

// inventoryFile reads the export of `signer inventory`: one JSON object per line.
type inventoryFile string

// maxInventoryLine bounds a line: it has a certificate in base64.
const maxInventoryLine = 1 << 20

// inventoryLine is one line of the export; unknown keys are refused.
type inventoryLine struct {
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	State     string    `json:"state"`
	NotAfter  time.Time `json:"not_after"`
	RevokedAt time.Time `json:"revoked_at"`
	Reason    string    `json:"reason"`
	Subject   string    `json:"subject"`

	NotBefore time.Time `json:"not_before"`
	Imported  bool      `json:"imported"`

	// What opens the commitment to the certificate, in base64: of the log's entry, and of which leaf in it.
	Salt        []byte `json:"salt"`
	Entry       int64  `json:"entry"`
	Leaf        int64  `json:"leaf"`
	Certificate []byte `json:"certificate"`
}

// Lines implements verify.Inventory.
func (file inventoryFile) Lines(ctx context.Context) iter.Seq2[verify.InventoryLine, error] {
	return func(yield func(verify.InventoryLine, error) bool) {
		f, err := regular.Open(string(file))
		if err != nil {
			yield(verify.InventoryLine{}, fmt.Errorf("reading the inventory: %w", err))
			return
		}
		defer f.Close()
		scan := bufio.NewScanner(f)
		scan.Buffer(nil, maxInventoryLine)
		for n := 1; scan.Scan(); n++ {
			line, issued, err := parseInventoryLine(scan.Bytes())
			if err != nil {
				err = fmt.Errorf("reading the inventory %q, line %d: %w", string(file), n, err)
			}
			if err == nil && !issued {
				continue
			}
			if !yield(line, err) || err != nil || ctx.Err() != nil {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(verify.InventoryLine{}, fmt.Errorf("reading the inventory: %w", err))
		}
	}
}

// parseInventoryLine reads one line; issued is false for a serial that was only reserved.
func parseInventoryLine(raw []byte) (out verify.InventoryLine, issued bool, err error) {
	var in inventoryLine
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return out, false, err
	}
	if err := onlyOnce(raw); err != nil {
		return out, false, err
	}
	if in.Issuer == "" || in.Serial == "" {
		return out, false, errors.New("it has no issuer or no serial; is it an export of `signer inventory`?")
	}
	if !slices.Contains(inventoryStates, in.State) {
		return out, false, fmt.Errorf("state %q is none of %s", in.State, strings.Join(inventoryStates, ", "))
	}
	out = verify.InventoryLine{Issuer: in.Issuer, NotAfter: in.NotAfter, Revoked: in.State == "revoked",
		RevokedAt: in.RevokedAt, Reason: -1}
	out.NotBefore, out.Imported = in.NotBefore, in.Imported
	if len(in.Salt) > 0 {
		out.Commitment = &verify.Commitment{Salt: in.Salt, Entry: in.Entry, Leaf: in.Leaf, Certificate: in.Certificate}
	}
	if out.Serial, err = hex.DecodeString(in.Serial); err != nil {
		return out, false, fmt.Errorf("serial %q is not hex", in.Serial)
	}
	if in.Reason != "" {
		code, ok := reasonCodes[in.Reason]
		if !ok {
			return out, false, fmt.Errorf("reason %q is none of RFC 5280 §5.3.1", in.Reason)
		}
		out.Reason = code
	}
	return out, in.State == "issued" || in.State == "revoked", nil
}

// onlyOnce refuses what encoding/json lets pass: a member that stands there twice or in other letters, and anything
// behind the object. Programs disagree on which of two members counts.
func onlyOnce(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("it is no JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return errors.New("it is no JSON object")
		}
		if seen[name] || strings.ToLower(name) != name {
			return fmt.Errorf("the member %q stands there twice, or is not in small letters", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// inventoryStates are the states of a serial number in the room.
var inventoryStates = []string{"reserved", "issued", "revoked", "never-issued"}

// reasonCodes are the names of RFC 5280 §5.3.1.
var reasonCodes = map[string]int{
	"none": -1, "unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
	"cessationOfOperation": 5, "certificateHold": 6, "removeFromCRL": 8, "privilegeWithdrawn": 9, "aACompromise": 10,
}
