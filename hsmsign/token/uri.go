package token

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// URI is a PKCS#11 URI (RFC 7512): empty fields match anything.
type URI struct {
	Token, Serial, Manufacturer, Model string // of the token
	SlotID                             *uint
	Object, Type                       string // CKA_LABEL and class
	ID                                 []byte // CKA_ID
	ModulePath                         string
}

// maxURI bounds what ParseURI reads; real URIs are a few hundred bytes.
const maxURI = 4096

// ParseURI parses s strictly. An attribute that is unknown or appears twice is refused, because to ignore it could
// select another key than the one meant (RFC 7512 section 2.3). A PIN in the URI is refused: it would be a secret in
// a configuration file or in a process list.
func ParseURI(s string) (URI, error) {
	var u URI
	if len(s) > maxURI {
		return u, fmt.Errorf("parsing pkcs11 URI: %d bytes are more than %d", len(s), maxURI)
	}
	rest, ok := strings.CutPrefix(s, "pkcs11:")
	if !ok {
		return u, fmt.Errorf("parsing pkcs11 URI %q: it does not begin with \"pkcs11:\"", s)
	}
	path, query, _ := strings.Cut(rest, "?")
	err := eachAttribute(path, ";", u.setPath)
	if err != nil {
		return URI{}, fmt.Errorf("parsing pkcs11 URI path: %w", err)
	}
	err = eachAttribute(query, "&", u.setQuery)
	if err != nil {
		return URI{}, fmt.Errorf("parsing pkcs11 URI query: %w", err)
	}
	return u, nil
}

// eachAttribute calls set for every name=value of s, percent-decoded.
func eachAttribute(s, separator string, set func(name, value string) error) error {
	if s == "" {
		return nil
	}
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(s, separator) {
		name, raw, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("%q is not name=value", part)
		}
		if seen[name] {
			return fmt.Errorf("attribute %q appears twice", name)
		}
		seen[name] = true
		value, err := url.PathUnescape(raw)
		if err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
		err = set(name, value)
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *URI) setPath(name, value string) error {
	switch name {
	case "token":
		u.Token = value
	case "serial":
		u.Serial = value
	case "manufacturer":
		u.Manufacturer = value
	case "model":
		u.Model = value
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "type":
		if value != "private" && value != "public" && value != "cert" && value != "secret-key" && value != "data" {
			return fmt.Errorf("type %q is not one of RFC 7512", value)
		}
		u.Type = value
	case "slot-id":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return fmt.Errorf("slot-id %q is not a number", value)
		}
		id := uint(n)
		u.SlotID = &id
	default:
		return fmt.Errorf("attribute %q is not supported; use token, serial, manufacturer, model, slot-id, object, "+
			"id or type", name)
	}
	return nil
}

func (u *URI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		u.ModulePath = value
		return nil
	case "pin-value", "pin-source":
		return errors.New("it carries a PIN; remove it and name the source of the PIN in the configuration")
	}
	return fmt.Errorf("attribute %q is not supported; use module-path", name)
}

// String returns the URI in RFC 7512 form.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString("pkcs11:")
	separator := ""
	add := func(name, value string) {
		if value != "" {
			b.WriteString(separator + name + "=" + value)
			separator = ";"
		}
	}
	add("token", escapeURI(u.Token))
	add("manufacturer", escapeURI(u.Manufacturer))
	add("serial", escapeURI(u.Serial))
	add("model", escapeURI(u.Model))
	if u.SlotID != nil {
		add("slot-id", strconv.FormatUint(uint64(*u.SlotID), 10))
	}
	add("object", escapeURI(u.Object))
	add("type", u.Type)
	var id strings.Builder
	for _, c := range u.ID { // RFC 7512 section 2.3: every byte of an id is percent-encoded
		fmt.Fprintf(&id, "%%%02X", c)
	}
	add("id", id.String())
	if u.ModulePath != "" {
		b.WriteString("?module-path=" + escapeURI(u.ModulePath))
	}
	return b.String()
}

// escapeURI percent-encodes everything but the unreserved characters of RFC 3986.
func escapeURI(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
