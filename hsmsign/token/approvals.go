package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// ApprovalsSchema names the form of the operator's list of approved HSMs.
const ApprovalsSchema = "seihon/hsm-approvals/v1"

// Approvals is the operator's list of the HSMs that may hold keys. It says what PKCS#11 cannot: where the device stands
// and how it was certified. Each statement is the operator's own, dated and signed; nobody else has checked it.
type Approvals struct {
	Schema string `yaml:"schema"`
	Issued Date   `yaml:"issued"`
	Review Date   `yaml:"review"` // when the operator has to look at the list again
	// Only1403 is the day from which a FIPS 140-2 certificate is not enough; none: it is only warned of from the end of
	// 2028.
	Only1403 Date  `yaml:"fips_140_3_from"`
	HSMs     []HSM `yaml:"hsms"`
}

// HSM is one approved device, or several of one kind.
type HSM struct {
	Name         string   `yaml:"name"`
	Manufacturer string   `yaml:"manufacturer"` // as the token tells it
	Model        string   `yaml:"model"`
	Serials      []string `yaml:"serials"`
	Firmware     []string `yaml:"firmware"`       // versions that the certificate covers; empty: any
	Libraries    []string `yaml:"library_sha256"` // digests of the PKCS#11 library; empty: any
	Location     string   `yaml:"location"`       // on-premises, shared or cloud (report 3-3)
	Network      bool     `yaml:"network"`        // operated over a network
	Certificate  int      `yaml:"cmvp_certificate"`
	Standard     string   `yaml:"standard"` // fips-140-2 or fips-140-3
	Level        int      `yaml:"level"`
	ValidUntil   Date     `yaml:"valid_until"` // of the certificate, when it has an end
	Roles        []Role   `yaml:"roles"`       // of the keys that it may hold; empty: any
}

// Where an HSM can stand, by the distinctions of the report's section 3-3.
const (
	OnPremises = "on-premises"
	Shared     = "shared"
	Cloud      = "cloud"
)

// Date is a day, written 2026-11-24; it begins at midnight UTC.
type Date struct{ time.Time }

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	day, err := time.Parse(time.DateOnly, n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: %q is not a date such as 2026-11-24", n.Line, n.Value)
	}
	d.Time = day
	return nil
}

// maxApprovals bounds the list; a real one has some kilobytes.
const maxApprovals = 1 << 20

// ParseApprovals checks the signature over the list and then reads the list, strictly. publicKey and signature are in
// one of the forms that verifyDetached knows.
func ParseApprovals(list, signature, publicKey []byte) (*Approvals, error) {
	if len(list) > maxApprovals {
		return nil, fmt.Errorf("parsing the list of approved HSMs: %d bytes are more than %d", len(list), maxApprovals)
	}
	err := verifyDetached(list, signature, publicKey)
	if err != nil {
		return nil,
			fmt.Errorf("checking the signature on the list of approved HSMs: %w; have the operator sign the list "+
				"as it is", err)
	}
	return readApprovals(list)
}

// readApprovals reads the list without asking who signed it.
func readApprovals(list []byte) (*Approvals, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(list))
	decoder.KnownFields(true)
	var a Approvals
	err := decoder.Decode(&a)
	if err != nil {
		return nil, fmt.Errorf("parsing the list of approved HSMs: %w", err)
	}
	err = decoder.Decode(new(yaml.Node))
	if !errors.Is(err, io.EOF) {
		return nil, errors.New("parsing the list of approved HSMs: there is a second document in it")
	}
	err = a.validate()
	if err != nil {
		return nil, fmt.Errorf("parsing the list of approved HSMs: %w", err)
	}
	return &a, nil
}

// validate collects every problem of the list.
func (a *Approvals) validate() error {
	var problems []error
	problem := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	problem(a.Schema != ApprovalsSchema, "schema is %q, not %q", a.Schema, ApprovalsSchema)
	problem(a.Issued.IsZero(), "issued is missing")
	problem(a.Review.IsZero() || !a.Review.After(a.Issued.Time), "review must be a date after issued")
	problem(len(a.HSMs) == 0, "hsms is empty")
	for i, h := range a.HSMs {
		name := fmt.Sprintf("hsms[%d] %q", i, h.Name)
		problem(h.Name == "" || h.Manufacturer == "" || h.Model == "", "%s: name, manufacturer and model are needed",
			name)
		problem(len(h.Serials) == 0 || slices.Contains(h.Serials, ""), "%s: the serials of the devices are needed",
			name)
		problem(h.Location != OnPremises && h.Location != Shared && h.Location != Cloud,
			"%s: location %q is not %s, %s or %s", name, h.Location, OnPremises, Shared, Cloud)
		problem(h.Standard != "" && h.Standard != fips1402 && h.Standard != fips1403, "%s: standard %q is not %s or %s",
			name, h.Standard, fips1402, fips1403)
		problem(h.Standard != "" && (h.Certificate <= 0 || h.Level < 1 || h.Level > 4),
			"%s: cmvp_certificate and level (1 to 4) are needed", name)
		for _, role := range h.Roles {
			problem(!slices.Contains(roles, role), "%s: role %q is not one of %v", name, role, roles)
		}
		for _, digest := range h.Libraries {
			problem(len(digest) != 64, "%s: library_sha256 %q is not 64 hexadecimal digits", name, digest)
		}
	}
	return errors.Join(problems...)
}
