package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"seihon/internal/regular"

	"go.yaml.in/yaml/v3"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	Line int    `json:"line"` // 1-based; 0 when the file as a whole is meant
	Path string `json:"path"` // such as issuers[1].crl.refresh; empty for syntax
	Text string `json:"text"` // what is wrong and what to do

	Warning bool `json:"warning,omitempty"` // the configuration is valid all the same
}

func (p Problem) String() string {
	s := p.Text
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Warning {
		s = "warning: " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d: %s", p.Line, s)
	}
	return s
}

// Problems is the error of a file that was read but is not a valid configuration.
type Problems struct {
	File string
	List []Problem
}

func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	lines = append(lines, fmt.Sprintf("reading configuration %q: %d problem(s)", p.File, len(p.List)))
	for _, one := range p.List {
		lines = append(lines, "  "+one.String())
	}
	return strings.Join(lines, "\n")
}

// Load reads and validates the file. Every problem of it is in the returned *[Problems].
func Load(file string) (*Config, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("finding configuration %q: %w", file, err)
	}
	raw, err := regular.ReadFile(abs)
	if errors.Is(err, os.ErrNotExist) {
		return nil,
			fmt.Errorf("reading configuration %q: no such file; name one with --config or write one with `publisher "+
				"config init`", file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading configuration %q: %w", file, err)
	}
	c, problems := Parse(raw)
	if len(problems) > 0 {
		return nil, &Problems{File: file, List: problems}
	}
	c.File = abs
	home := filepath.Dir(abs)
	if h := filepath.FromSlash(string(c.Home)); filepath.IsAbs(h) {
		home = h
	} else {
		home = filepath.Join(home, h)
	}
	c.Home = Path(home)
	resolve(reflect.ValueOf(c).Elem(), home)
	return c, nil
}

// Parse decodes and validates one YAML document; paths stay as written.
func Parse(raw []byte) (*Config, []Problem) {
	var c Config
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	err := dec.Decode(&c)
	if errors.Is(err, io.EOF) {
		return nil, []Problem{{Text: "the file is empty; write one with `publisher config init`"}}
	}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		return nil, decodeProblems(typed.Errors)
	}
	if err != nil {
		return nil, decodeProblems([]string{strings.TrimPrefix(err.Error(), "yaml: ")})
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, []Problem{{Text: "there is more than one YAML document; keep one"}}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(raw, &root); err != nil {
		return nil, decodeProblems([]string{err.Error()})
	}
	c.setDefaults()
	v := validator{lines: map[string]int{}}
	v.index(&root, "")
	v.config(&c)
	sort.SliceStable(v.problems, func(i, j int) bool { return v.problems[i].Line < v.problems[j].Line })
	return &c, v.problems
}

var (
	lineError    = regexp.MustCompile(`^line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

// decodeProblems rewrites the decoder's messages, which speak of Go types, into sentences for an operator.
func decodeProblems(messages []string) []Problem {
	var out []Problem
	for _, m := range messages {
		p := Problem{Text: m}
		if parts := lineError.FindStringSubmatch(m); parts != nil {
			p.Line, _ = strconv.Atoi(parts[1])
			p.Text = parts[2]
		}
		switch parts := unknownField.FindStringSubmatch(p.Text); {
		case parts != nil:
			p.Text = fmt.Sprintf("unknown key %q; see docs/config.md for the keys of this section", parts[1])
		case strings.HasSuffix(p.Text, "into config.Token"):
			// and out of this message
			p.Text = "a token is no text but {file: …} or {credential: …}; keep secrets out of this file"
		default:
			p.Text = strings.ReplaceAll(p.Text, "config.", "") // Go's name of a type
		}
		out = append(out, p)
	}
	return out
}

// resolve makes every Path, Location and DSN below v absolute.
func resolve(v reflect.Value, dir string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			resolve(v.Elem(), dir)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			resolve(v.Field(i), dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolve(v.Index(i), dir)
		}
	case reflect.String:
		s := v.String()
		switch v.Interface().(type) {
		case Path, Location, DSN:
			if s != "" && !strings.Contains(s, "://") && !filepath.IsAbs(s) {
				v.SetString(filepath.Join(dir, filepath.FromSlash(s)))
			}
		}
	}
}
