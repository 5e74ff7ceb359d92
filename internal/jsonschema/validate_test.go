package jsonschema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type answer struct {
	Name  string         `json:"name"`
	Size  int64          `json:"tree_size"`
	Time  time.Time      `json:"time"`
	Parts []answer       `json:"parts,omitempty"`
	Other map[string]int `json:"other,omitempty"`
	Last  *bool          `json:"last,omitempty"`
	Ratio float64        `json:"ratio,omitempty"`
}

// TestValidate holds documents against the schema of a type.
func TestValidate(t *testing.T) {
	of, err := Of(reflect.TypeFor[answer]())
	if err != nil {
		t.Fatal(err)
	}
	schema, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	const rest = `"tree_size": 3, "time": "2026-11-29T10:00:00Z"`
	for document, want := range map[string]string{
		`{"name": "a", ` + rest + `}`:                                              "",
		`{"name": "a", ` + rest + `, "parts": [{"name": "b", ` + rest + `}]}`:      "",
		`{"name": "a", ` + rest + `, "other": {"x": 1}, "last": null, "ratio": 1}`: "",
		`{"name": "a", ` + rest + `} {}`:                                           "more follows",
		`{"name": "a", ` + rest + `, "Size": 3}`:                                   "does not describe .Size",
		`{"name": "a", ` + rest + `, "parts": [{"name": "b"}]}`:                    ".parts[0].tree_size is missing",
		`{"name": "a", ` +
			rest + `, "other": {"x": "1"}}`: ".other.x is of type string, want integer",
		`{"name": null, ` + rest + `}`:                                    ".name is of type null",
		`{"name": "a", "tree_size": 1.5, "time": "2026-11-29T10:00:00Z"}`: "tree_size is of type number",
		`{"name": "a", "tree_size": 1, "time": "yesterday"}`:              "yesterday",
		`[]`: "the document is of type array, want object",
	} {
		err := Validate(schema, []byte(document))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
	for document, want := range map[string]string{`"full"`: "", `"ful"`: `is "ful", want one of [log full]`} {
		err := Validate([]byte(`{"type": "string", "enum": ["log", "full"]}`), []byte(document))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
	if err := Validate([]byte(`{"type": "string", "const": "v1"}`), []byte(`"v2"`)); err == nil ||
		!strings.Contains(err.Error(), `want "v1"`) {
		t.Error(err)
	}
	forms := []byte(`{"oneOf": [{"type": "string"}, {"type": "object", "properties": {}, "required": []}]}`)
	if err := Validate(forms, []byte(`{}`)); err != nil {
		t.Error(err)
	}
	if err := Validate(forms, []byte(`3`)); err == nil || !strings.Contains(err.Error(), "none of the 2 forms") {
		t.Error(err)
	}
}
