package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Validate holds a JSON document against a schema that has what those have which [Of] makes, enum and const. It is
// stricter than a reader has to be: a member that the schema does not describe is an error, since nobody could know
// what it means.
func Validate(schema, document []byte) error {
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the document")
	}
	defs, _ := s["$defs"].(map[string]any)
	return validator{defs}.check(s, v, "")
}

// A validator knows the types that contain themselves.
type validator struct{ defs map[string]any }

func (k validator) check(s map[string]any, v any, at string) error {
	if ref, ok := s["$ref"].(string); ok {
		of, ok := k.defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: the schema has no %s", at, ref)
		}
		return k.check(of, v, at)
	}
	if forms, ok := s["oneOf"].([]any); ok {
		return k.one(forms, v, at)
	}
	kind := kindOf(v)
	if allowed := types(s); !slices.Contains(allowed, kind) &&
		!(kind == "integer" && slices.Contains(allowed, "number")) {
		return fmt.Errorf("%s is of type %s, want %s", place(at), kind, strings.Join(allowed, " or "))
	}
	switch v := v.(type) {
	case map[string]any:
		return k.members(s, v, at)
	case []any:
		of, _ := s["items"].(map[string]any)
		for i, one := range v {
			if err := k.check(of, one, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case string:
		return text(s, v, at)
	}
	return nil
}

// text holds a string against what the schema says of it.
func text(s map[string]any, v, at string) error {
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, any(v)) {
		return fmt.Errorf("%s is %q, want one of %v", place(at), v, enum)
	}
	if want, ok := s["const"]; ok && want != any(v) {
		return fmt.Errorf("%s is %q, want %q", place(at), v, want)
	}
	if s["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return fmt.Errorf("%s: %w", place(at), err)
		}
	}
	return nil
}

// one wants a value to have one of several forms, and, when it has none, says why not the first.
func (k validator) one(forms []any, v any, at string) error {
	var errs []error
	for _, form := range forms {
		of, _ := form.(map[string]any)
		err := k.check(of, v, at)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%s has none of the %d forms: %w", place(at), len(forms), errors.Join(errs...))
}

func (k validator) members(s, v map[string]any, at string) error {
	properties, _ := s["properties"].(map[string]any)
	others, _ := s["additionalProperties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		of, ok := properties[name].(map[string]any)
		if !ok {
			of = others
		}
		if of == nil {
			return fmt.Errorf("the schema does not describe %s.%s", at, name)
		}
		if err := k.check(of, v[name], at+"."+name); err != nil {
			return err
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s.%v is missing", at, name)
		}
	}
	return nil
}

// types are those that a schema allows.
func types(s map[string]any) (all []string) {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		for _, one := range t {
			all = append(all, fmt.Sprint(one))
		}
	}
	return all
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	}
	return "object"
}

func place(at string) string {
	if at == "" {
		return "the document"
	}
	return at
}
