package source

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"seihon/inventory"
)

// CSV reads comma-separated values (RFC 4180, no line breaks in a field) with
// a header that names the columns. It needs serial or serial_decimal; see the
// documentation for the others.
func CSV(r io.Reader, o Options) inventory.Source {
	var header []column
	var names []string
	kind := o.kind()
	return newText(r, "csv", o, func(line []byte, r *inventory.Record) (bool, error) {
		fields, err := splitCSV(line)
		if err != nil {
			return false, err
		}
		if header == nil {
			names = fields
			header, err = findAll(fields)
			return false, err
		}
		if len(fields) != len(header) {
			return false, fmt.Errorf("%d fields, the header has %d", len(fields), len(header))
		}
		*r = newRecord(kind)
		for n, v := range fields {
			if v == "" {
				continue
			}
			if err := header[n](v, r); err != nil {
				return false, fmt.Errorf("%s %q: %w", names[n], v, err)
			}
		}
		return true, finish(r)
	})
}

// splitCSV splits one line.
func splitCSV(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') < 0 {
		var fields []string
		for f := range bytes.SplitSeq(line, []byte{','}) {
			fields = append(fields, string(f))
		}
		return fields, nil
	}
	in := csv.NewReader(bytes.NewReader(line))
	fields, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("reading CSV: %w", err)
	}
	return fields, nil
}

// findAll resolves a header.
func findAll(names []string) ([]column, error) {
	seen := map[string]bool{}
	all := make([]column, len(names))
	for n, name := range names {
		c, err := find(name)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("column %q comes twice", name)
		}
		seen[name] = true
		all[n] = c
	}
	if seen["serial"] == seen["serial_decimal"] {
		return nil, errors.New("want one column serial or serial_decimal")
	}
	return all, nil
}

// JSONL reads one JSON object per line, its keys being columns. Values are
// strings; numbers are taken as written; null is absent.
func JSONL(r io.Reader, o Options) inventory.Source {
	kind := o.kind()
	known := map[string]column{}
	return newText(r, "jsonl", o, func(line []byte, r *inventory.Record) (bool, error) {
		*r = newRecord(kind)
		if err := decodeObject(line, known, r); err != nil {
			return false, err
		}
		return true, finish(r)
	})
}

// decodeObject walks the tokens of one flat object: a key that comes twice,
// which encoding/json would pass over, must not hide a revocation.
func decodeObject(line []byte, known map[string]column, r *inventory.Record) error {
	in := json.NewDecoder(bytes.NewReader(line))
	in.UseNumber()
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return errors.New("want one JSON object")
	}
	seen := map[string]bool{}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return fmt.Errorf("reading JSON: %w", err)
		}
		name, _ := key.(string) // a key is always a string
		if seen[name] {
			return fmt.Errorf("key %q comes twice", name)
		}
		seen[name] = true
		value, err := in.Token()
		if err != nil {
			return fmt.Errorf("reading JSON: %w", err)
		}
		if err := setJSON(name, value, known, r); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := in.Token(); err != io.EOF {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// setJSON sets one column from a JSON value.
func setJSON(name string, value json.Token, known map[string]column, r *inventory.Record) error {
	c, ok := known[name]
	if !ok {
		var err error
		if c, err = find(name); err != nil {
			return err
		}
		known[name] = c
	}
	var text string
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		return fmt.Errorf("%s: want a string or a number", name)
	}
	if text == "" {
		return nil
	}
	if err := c(text, r); err != nil {
		return fmt.Errorf("%s %q: %w", name, text, err)
	}
	return nil
}
