package token

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// VerdictSchema names the form of the verdict document.
const VerdictSchema = "seihon/hsm-verdict/v1"

// A Role is what a key is for.
type Role string

// The roles.
const (
	RoleIssuing  Role = "issuing"  // certificates and revocation lists
	RoleOCSP     Role = "ocsp"     // responses, by a delegated signer
	RoleDocument Role = "document" // CP/CPS
	RoleLog      Role = "log"      // checkpoints of the master log
)

var roles = []Role{RoleIssuing, RoleOCSP, RoleDocument, RoleLog}

// A Policy says what the operator's list decides.
type Policy string

// The policies.
const (
	Accredited Policy = "accredited" // a key that the list does not approve does not sign
	Trial      Policy = "trial"      // every key signs, and nothing that it signs is of an accredited CA
)

// What a verdict says of a key.
const (
	Accepted = "accepted"
	Refused  = "refused"
	OnTrial  = "trial"
)

// A Verdict says which keys of a token may sign, and why. It has no time of its own: the same facts make the same
// bytes, and the log that keeps them says since when they hold.
type Verdict struct {
	Schema   string       `json:"schema"`
	Policy   Policy       `json:"policy"`
	List     *ListID      `json:"list,omitempty"` // the operator's list that decided; none: there was none
	Token    Device       `json:"token"`
	Findings []Finding    `json:"findings"` // about device and list
	Keys     []KeyVerdict `json:"keys"`     // by label

	// Of a room with several tokens: the further ones that were judged, and the names of those that could not be used.
	Others []JudgedToken `json:"others,omitempty"`
	Absent []string      `json:"absent,omitempty"`

	Elsewhere []string `json:"elsewhere,omitempty"` // issuers whose own software signs: nothing is said of its module
}

// ListID names one version of the operator's list.
type ListID struct {
	SHA256 string `json:"sha256"`
	Issued string `json:"issued"` // a day, as 2026-11-24
	Review string `json:"review"`
}

// JudgedToken is a further token of the room, whose keys stand among the others.
type JudgedToken struct {
	Token    Device    `json:"token"`
	Findings []Finding `json:"findings"` // about the device
}

// Device is what is judged of a token's own description.
type Device struct {
	Name            string `json:"name,omitempty"` // by which the configuration calls one of several tokens
	Label           string `json:"label"`
	Serial          string `json:"serial"`
	Manufacturer    string `json:"manufacturer"`
	Model           string `json:"model"`
	FirmwareVersion string `json:"firmware_version"`
	ModuleSHA256    string `json:"module_sha256"`
}

// KeyVerdict is the verdict on one key.
type KeyVerdict struct {
	Label      string    `json:"label"`
	SPKISHA256 string    `json:"spki_sha256"`
	Token      string    `json:"token,omitempty"` // the name of the one of several tokens that it is in
	Role       Role      `json:"role"`
	Verdict    string    `json:"verdict"`
	Findings   []Finding `json:"findings"` // about the key alone
}

// IdentifyList names the list whose bytes these are.
func (a *Approvals) IdentifyList(list []byte) *ListID {
	if a == nil {
		return nil
	}
	return &ListID{
		SHA256: fmt.Sprintf("%x", sha256.Sum256(list)),
		Issued: a.Issued.Format(time.DateOnly), Review: a.Review.Format(time.DateOnly),
	}
}

// Decide holds what the token claims of itself and its keys against the list, and judges by the policy. roles says what
// each key is for, by its label.
func (a *Approvals) Decide(policy Policy, id *ListID, e *Evidence, roles map[string]Role, now time.Time) *Verdict {
	device, entry := a.judgeToken(e, now)
	v := &Verdict{
		Schema: VerdictSchema, Policy: policy, List: id, Findings: append([]Finding{}, device...), Keys: []KeyVerdict{},
		Token: Device{
			Label: e.Token.Label, Serial: e.Token.Serial, Manufacturer: e.Token.Manufacturer, Model: e.Token.Model,
			FirmwareVersion: e.Token.FirmwareVersion, ModuleSHA256: e.Token.ModuleSHA256,
		},
	}
	for _, k := range e.Keys {
		kv := KeyVerdict{
			Label: k.Label, SPKISHA256: k.SPKISHA256, Role: roles[k.Label], Verdict: Accepted,
			Findings: append([]Finding{}, judgeKey(k)...),
		}
		if entry != nil && len(entry.Roles) > 0 && !slices.Contains(entry.Roles, kv.Role) {
			adderTo(&kv.Findings)(Error, "hsm-role", "3-3", k.Label, "a role of the device: "+join(entry.Roles),
				string(kv.Role),
				"list the role for this device if it is approved, or keep the key elsewhere")
		}
		switch {
		case policy == Trial:
			kv.Verdict = OnTrial
		case len(errorsOf(device)) > 0 || len(errorsOf(kv.Findings)) > 0:
			kv.Verdict = Refused
		}
		v.Keys = append(v.Keys, kv)
	}
	return v
}

// Name says by which name the configuration calls the token, where it has several.
func (v *Verdict) Name(name string) {
	v.Token.Name = name
	for i := range v.Keys {
		v.Keys[i].Token = name
	}
}

// Together is one verdict for the log out of those on each token of a room; absent are the names of the tokens that
// could not be used.
func Together(all []*Verdict, absent []string) *Verdict {
	v := *all[0]
	v.Keys, v.Absent = slices.Clone(v.Keys), absent
	for _, o := range all[1:] {
		v.Others = append(v.Others, JudgedToken{Token: o.Token, Findings: o.Findings})
		v.Keys = append(v.Keys, o.Keys...)
	}
	return &v
}

func join(all []Role) string {
	var names []string
	for _, r := range all {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

func errorsOf(all []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Severity != Error })
}

// All returns every finding, those about keys first.
func (v *Verdict) All() []Finding {
	all := []Finding{}
	for _, k := range v.Keys {
		all = append(all, k.Findings...)
	}
	return append(all, v.Findings...)
}

// Against returns what speaks against every key of the device; nothing speaks against one on trial.
func (v *Verdict) Against() []Finding {
	if v.Policy == Trial {
		return nil
	}
	return errorsOf(v.Findings)
}

// AgainstKey returns what speaks against one of its keys, the device's faults among them.
func (v *Verdict) AgainstKey(k KeyVerdict) []Finding {
	if k.Verdict != Refused {
		return nil
	}
	return append(errorsOf(v.Findings), errorsOf(k.Findings)...)
}

// Summary counts the keys by what is said of them, for people who read the log.
func (v *Verdict) Summary() string {
	n := map[string]int{}
	for _, k := range v.Keys {
		n[k.Verdict]++
	}
	var parts []string
	for _, what := range []string{Accepted, OnTrial, Refused} {
		if n[what] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[what], what))
		}
	}
	return "keys: " + strings.Join(parts, ", ")
}

// JSON is the document for the log: the same bytes for the same verdict.
func (v *Verdict) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the verdict on the token: %w", err)
	}
	return append(b, '\n'), nil
}
