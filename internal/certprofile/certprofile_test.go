package certprofile_test

import (
	"strings"
	"testing"
	"time"

	"seihon/internal/certprofile"
)

func TestBuiltinProfilesAreValid(t *testing.T) {
	names := certprofile.BuiltinNames()
	if len(names) != 7 {
		t.Errorf("built-in profiles are %v", names)
	}
	for _, n := range names {
		p, ok := certprofile.Builtin(n)
		if !ok || p.Validate() != nil || p.Name != n {
			t.Errorf("%s: %v, %v", n, ok, p)
		}
	}
	if _, ok := certprofile.Builtin("nobody"); ok {
		t.Error("an unknown profile was found")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", "a: {kind: root, colour: blue}", "line 1: field colour not found"},
		{"two documents", "a: {kind: root}\n---\nb: {kind: root}", "more than one YAML document"},
		{"duplicate key", "a: {kind: root}\na: {kind: root}", "already defined"},
		{"empty profile", "a:", "is empty"},
		{"unknown kind", "a: {kind: planet}", "planet"},
		{"bad validity", "a: {kind: root, validity: forever}", "line 1"},
		{"bad key usage", "a: {kind: root, key_usage: [sign]}", "key_usage"},
		{"CA without keyCertSign", "a: {kind: root, key_usage: [cRLSign]}", "needs keyCertSign"},
		{"subscriber with keyCertSign", "a: {kind: subscriber, key_usage: [keyCertSign]}", "CA kinds only"},
		{"root with mappings", "a: {kind: root, policy_mappings: [{issuer: 1.2.3, subject: 1.2.4}]}", "cannot carry"},
		{"mapped anyPolicy", "a: {kind: cross, policy_mappings: [{issuer: 2.5.29.32.0, subject: 1.2.4}]}",
			"not a policy that can be mapped"},
		{"duplicate policy", "a: {kind: cross, policies: [{oid: 1.2.3}, {oid: 1.2.3}]}", "twice"},
		{"bad policy", "a: {kind: cross, policies: [{oid: 1.99.3}]}", "X.660"},
		{"long notice", "a: {kind: cross, policies: [{oid: 1.2.3, notice: " + strings.Repeat("あ", 201) + "}]}",
			"at most 200"},
		{"empty policy constraints", "a: {kind: cross, policy_constraints: {}}", "wants one"},
		{"empty name constraints", "a: {kind: cross, name_constraints: {}}", "at least one"},
		{"bad network", "a: {kind: cross, name_constraints: {permitted: {ip: [10.0.0.1/8]}}}", "not a network"},
		{"negative path length", "a: {kind: cross, path_length: -1}", "path_length"},
		{"path length of a subscriber", "a: {kind: subscriber, path_length: 1}", "path_length"},
		{"OCSP usage of a subscriber", "a: {kind: subscriber, extended_key_usage: [OCSPSigning]}", "ocsp-signer"},
		{"OCSP signer with more", "a: {kind: ocsp-signer, extended_key_usage: [clientAuth]}", "nothing else"},
		{"unknown usage", "a: {kind: subscriber, extended_key_usage: [flying]}", "flying"},
		{"unknown algorithm", "a: {kind: root, signature_algorithm: md5}", "md5"},
		{"unknown key algorithm", "a: {kind: root, keys: [dsa]}", "dsa"},
		{"published root", "a: {kind: root, publish: true}", "subscriber profiles"},
	} {
		_, err := certprofile.Decode([]byte(c.yaml))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

func TestValidity(t *testing.T) {
	begin := time.Date(2026, 2, 28, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"20y": "2046-02-28T08:59:59Z", "397d": "2027-04-01T08:59:59Z", "12h": "2026-02-28T20:59:59Z",
		"1y1d1h0m0s": "2027-03-01T09:59:59Z",
	} {
		v, err := certprofile.ParseValidity(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := v.End(begin).Format(time.RFC3339); got != want {
			t.Errorf("%s ends %s, want %s", text, got, want)
		}
		if back, err := certprofile.ParseValidity(v.String()); err != nil || back != v {
			t.Errorf("%s became %s, %v", text, v, err)
		}
	}
	for _, bad := range []string{"", "0d", "y", "-1d", "1h1d", "1.5s", "5", "99999999y"} {
		if v, err := certprofile.ParseValidity(bad); err == nil {
			t.Errorf("%q was read as %s", bad, v)
		}
	}
}
