package config

import (
	"fmt"
	"slices"
	"time"
)

// A room has one token, described in the section signer itself, or several, in signer.tokens. Everybody else asks
// AllTokens and TokenNamed, to which both are the same.

// AllTokens are the tokens of the room, the one that is meant where none is named first. The only token has no name.
func (s *Signer) AllTokens() []SigningToken {
	if len(s.Tokens) > 0 {
		return s.Tokens
	}
	return []SigningToken{{HSM: s.HSM}}
}

// TokenNamed returns the token of that name; empty: the first.
func (s *Signer) TokenNamed(name string) (SigningToken, error) {
	all := s.AllTokens()
	if name == "" {
		return all[0], nil
	}
	i := slices.IndexFunc(all, func(t SigningToken) bool { return t.Name == name })
	if i < 0 {
		return SigningToken{}, fmt.Errorf("finding token %q: it is none of signer.tokens", name)
	}
	return all[i], nil
}

// String names the token in messages.
func (t SigningToken) String() string {
	if t.Name == "" {
		return fmt.Sprintf("token %q", t.Token)
	}
	return fmt.Sprintf("token %q (%s)", t.Token, t.Name)
}

func (h *HSM) setDefaults() {
	setDefault(&h.Sessions, 8)
	setDefault(&h.Timeout, Duration(10*time.Second))
	setDefault(&h.Outage, Duration(30*time.Second))
}

// tokens checks the one token, or each of several.
func (v *validator) tokens(s *Signer) {
	if len(s.Tokens) == 0 {
		v.token("signer", s.HSM)
		if s.LogToken != "" {
			v.add("signer.log_token", "is %q, and there is no signer.tokens; leave it out", s.LogToken)
		}
		return
	}
	for _, key := range []string{"module", "module_config", "softhsm_config", "token", "serial", "pin", "sessions",
		"timeout", "outage"} {
		if v.lines["signer."+key] != 0 {
			v.add("signer."+key, "stands beside signer.tokens; say it of each token there, and nowhere else")
		}
	}
	softHSM := Path("")
	for i, t := range s.Tokens {
		path := fmt.Sprintf("signer.tokens[%d]", i)
		if !namePattern.MatchString(t.Name) {
			v.add(path+".name", "is %q, must be lower case letters, digits and inner hyphens", t.Name)
		}
		v.token(path, t.HSM)
		for _, o := range s.Tokens[:i] {
			switch {
			case o.Name == t.Name:
				v.add(path+".name", "%q is used twice", t.Name)
			case o.Module == t.Module && o.Token == t.Token &&
				(o.Serial == t.Serial || o.Serial == "" || t.Serial == ""):
				v.add(path, "is the same token as %s; name the serials where two have one label", o.Name)
			case o.Module == t.Module && o.ModuleConfig != t.ModuleConfig:
				v.add(path+".module_config", "differs from that of %s; a module is started once, with one text", o.Name)
			}
		}
		if t.SoftHSMConfig != "" && softHSM != "" && t.SoftHSMConfig != softHSM {
			v.add(path+".softhsm_config",
				"is another one than %q; SoftHSM reads one configuration for the whole program, whose token folder "+
					"can hold several tokens", softHSM)
		}
		setDefault(&softHSM, t.SoftHSMConfig)
	}
	switch t, err := s.TokenNamed(s.LogToken); {
	case err != nil:
		v.add("signer.log_token", "is %q, which is none of signer.tokens", s.LogToken)
	case t.Retired:
		v.add("signer.log_token",
			"is %q, which is retired: without the log's keys nothing can be recorded; hand the log over first "+
				"(signer log rotate --token)", t.Name)
	}
}

// token checks how one token is reached.
func (v *validator) token(path string, h HSM) {
	if h.Module == "" {
		v.add(path+".module", "is empty; name the HSM's PKCS#11 library")
	}
	if h.Token == "" {
		v.add(path+".token", "is empty; name the token's label")
	}
	sources := 0
	for _, set := range []bool{h.PIN.File != "", h.PIN.Credential != "", h.PIN.Env != "", h.PIN.Prompt} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		v.add(path+".pin", "has %d sources, must have exactly one of file, credential, env and prompt", sources)
	}
	if h.Sessions < 1 || h.Sessions > 64 {
		v.add(path+".sessions", "is %d, must be 1 to 64", h.Sessions)
	}
	if h.Timeout <= 0 {
		v.add(path+".timeout", "must be positive")
	}
	if h.Outage <= 0 {
		v.add(path+".outage", "must be positive")
	}
}

// keyTokens checks that each key is in a token of the room.
func (v *validator) keyTokens(c *Config) {
	check := func(path string, k Key) {
		if k.Token == "" || c.Signer == nil {
			return
		}
		if _, err := c.Signer.TokenNamed(k.Token); err != nil {
			v.add(path+".token", "is %q, which is none of signer.tokens", k.Token)
		}
	}
	for i, is := range c.Issuers {
		check(fmt.Sprintf("issuers[%d].key", i), is.Key)
		if is.OCSP != nil && is.OCSP.Responder != nil {
			check(fmt.Sprintf("issuers[%d].ocsp.responder.key", i), is.OCSP.Responder.Key)
		}
	}
	if d := c.DocumentSigner; d != nil {
		check("document_signer.key", d.Key)
	}
}
