package cert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// lintSources are the RFCs and the community's lints. The rules of the CA/Browser Forum and of the root programmes bind
// the web PKI, not accredited certification business, and would refuse sound certificates of it.
var lintSources = lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6960, lint.RFC8813,
	lint.Community}

// lintsLeftOut are lints about single CAs of the web PKI. The first tries eight P-384 keys on every certificate that is
// signed with ECDSA, which took five sixths of the time of issuing one.
var lintsLeftOut = []string{"e_cert_issued_by_compromised_emudhra_ca"}

// lints picks the lints once; a filtered registry costs more to build than to run.
var lints = sync.OnceValues(func() (lint.Registry, error) {
	return lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lintSources, ExcludeNames: lintsLeftOut})
})

// Lint returns the names of the lints that fail at level error or fatal, joined into one error, except the accepted
// ones.
func Lint(der []byte, accepted []string) error {
	c, err := zx509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("linting: %w", err)
	}
	registry, err := lints()
	if err != nil {
		return fmt.Errorf("linting: %w", err)
	}
	for _, name := range accepted {
		if registry.ByName(name) == nil {
			return fmt.Errorf("linting: accepted_lints names %q, which is no lint of this version", name)
		}
	}
	var failed []string
	for name, result := range zlint.LintCertificateEx(c, registry).Results {
		if result.Status < lint.Error || slices.Contains(accepted, name) {
			continue
		}
		if result.Details != "" {
			name += " (" + result.Details + ")"
		}
		failed = append(failed, name)
	}
	if len(failed) == 0 {
		return nil
	}
	slices.Sort(failed)
	return errors.New("linting: " + strings.Join(failed, ", "))
}
