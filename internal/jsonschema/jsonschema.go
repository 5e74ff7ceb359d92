// Package jsonschema describes the JSON form of a Go type as JSON Schema 2020-12.
//
// The files of docs/schema are made with it, so they cannot say anything else than what the
// programs write. It is used by tests only.
package jsonschema

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Draft is the version of JSON Schema.
const Draft = "https://json-schema.org/draft/2020-12/schema"

var (
	snake     = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	timeType  = reflect.TypeFor[time.Time]()
	durations = reflect.TypeFor[time.Duration]()
	marshaler = reflect.TypeFor[json.Marshaler]()
	texter    = reflect.TypeFor[encoding.TextMarshaler]()
)

// Of describes a type. Every name must be snake_case: a field that nobody named is an error. A type that contains
// itself is described once more, under its name in $defs.
func Of(t reflect.Type) (map[string]any, error) {
	d := &describer{defs: map[string]any{}}
	of, err := d.describe(t, nil)
	if len(d.defs) > 0 {
		of["$defs"] = d.defs
	}
	return of, err
}

// A describer remembers the types that contain themselves.
type describer struct {
	defs map[string]any // by their names
}

// again refers to a type that is being described already.
func (d *describer) again(t reflect.Type) (map[string]any, error) {
	name := strings.ReplaceAll(strings.ToLower(t.String()), ".", "_")
	ref := map[string]any{"$ref": "#/$defs/" + name}
	if d.defs[name] != nil {
		return ref, nil
	}
	d.defs[name] = true // while it is described
	of, err := d.describe(t, nil)
	d.defs[name] = of
	return ref, err
}

func (d *describer) describe(t reflect.Type, within []reflect.Type) (map[string]any, error) {
	switch {
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}, nil
	case t == durations:
		return map[string]any{"type": "integer", "description": "nanoseconds"}, nil
	case t.Kind() == reflect.Pointer:
		return d.nullable(t.Elem(), within)
	case t.Implements(texter):
		return map[string]any{"type": "string"}, nil
	case t.Implements(marshaler), reflect.PointerTo(t).Implements(marshaler):
		return nil, fmt.Errorf("%v writes its own JSON", t)
	case slices.Contains(within, t):
		return d.again(t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}, nil
	case reflect.String:
		return map[string]any{"type": "string"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}, nil
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}, nil
	case reflect.Slice:
		return d.list(t, within)
	case reflect.Map:
		of, err := d.describe(t.Elem(), within)
		return map[string]any{"type": "object", "additionalProperties": of}, err
	case reflect.Struct:
		return d.object(t, append(within, t))
	}
	return nil, fmt.Errorf("%v has no JSON form that a schema could describe", t)
}

// nullable is what stands behind a pointer, or null.
func (d *describer) nullable(t reflect.Type, within []reflect.Type) (map[string]any, error) {
	of, err := d.describe(t, within)
	if err != nil {
		return nil, err
	}
	if name, ok := of["type"].(string); ok {
		of["type"] = []any{name, "null"}
	}
	return of, nil
}

// list is an array, or null where Go has no slice.
func (d *describer) list(t reflect.Type, within []reflect.Type) (map[string]any, error) {
	if t.Elem().Kind() == reflect.Uint8 && !t.Elem().Implements(texter) {
		return map[string]any{"type": []any{"string", "null"}, "contentEncoding": "base64"}, nil
	}
	of, err := d.describe(t.Elem(), within)
	return map[string]any{"type": []any{"array", "null"}, "items": of}, err
}

func (d *describer) object(t reflect.Type, within []reflect.Type) (map[string]any, error) {
	properties, required := map[string]any{}, []any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() && !f.Anonymous || name == "-" {
			continue
		}
		if f.Anonymous && name == "" {
			inner, err := d.describe(f.Type, within)
			if err != nil {
				return nil, err
			}
			for k, v := range inner["properties"].(map[string]any) {
				properties[k] = v
			}
			required = append(required, inner["required"].([]any)...)
			continue
		}
		if !snake.MatchString(name) {
			return nil, fmt.Errorf("the name %q of %v.%s is not snake_case: give it a json tag", name, t, f.Name)
		}
		of, err := d.describe(f.Type, within)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, f.Name, err)
		}
		properties[name] = of
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}, nil
}
