package cert

import (
	"encoding/asn1"
	"errors"
)

// Attribute is one attribute of a distinguished name.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Value string
}

// Name is a distinguished name in the order in which it is encoded, country first.
type Name []Attribute

// ParseName reads "C=JP, O=Example, CN=Root CA", in encoding order.
func ParseName(s string) (Name, error) { return nil, errors.New("parsing name: not built yet") }
