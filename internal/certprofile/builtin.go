package certprofile

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed builtin.yaml
var builtinYAML []byte

// Builtin returns a fresh copy of a built-in profile and reports whether there is one of that name.
func Builtin(name string) (*Profile, bool) {
	all, err := Decode(builtinYAML)
	if err != nil {
		return nil, false // a broken embedded file fails the tests of this package
	}
	p, ok := all[name]
	return p, ok
}

// BuiltinNames returns the names of the built-in profiles, sorted.
func BuiltinNames() []string {
	all, err := Decode(builtinYAML)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(all))
}

// Decode reads one YAML document that maps names to profiles, strictly: unknown keys, duplicate keys, further documents
// and invalid profiles are errors.
func Decode(data []byte) (map[string]*Profile, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	var all map[string]*Profile
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("parsing certificate profiles: %w", err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("parsing certificate profiles: more than one YAML document")
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		if p == nil {
			problems = append(problems, fmt.Errorf("profile %q: is empty", name))
			continue
		}
		if p.Name == "" {
			p.Name = name
		}
		if err := p.Validate(); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("parsing certificate profiles: %w", err)
	}
	return all, nil
}
