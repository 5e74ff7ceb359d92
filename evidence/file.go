package evidence

import (
	"bytes"
	_ "embed" // for the steps
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// steps are the commands that check a file, with a shell, openssl and coreutils.
// Every file carries them, and docs/status-at.en.md, which is where to take them
// from when a file comes from somebody who is not trusted.
//
//go:embed check.sh
var steps string

const (
	begin = "-----BEGIN "
	end   = "-----END "
	dash  = "-----"
	width = 76 // of a line of base64
)

// Bytes is the file: text for people, the steps, the answer, and the parts.
func (e *Evidence) Bytes() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\n", Schema)
	for _, line := range e.Answer.Sentences() {
		fmt.Fprintf(&out, "%s\n%s\n\n", line.English, line.Japanese)
	}
	fmt.Fprintf(&out, "%s\n%s\n%s\n", howEnglish, howJapanese, steps)
	answer, err := json.MarshalIndent(&e.Answer, "", "  ")
	if err != nil { // an Answer holds nothing that JSON cannot
		panic(err)
	}
	fmt.Fprintf(&out, "%s\n", answer)
	for _, p := range e.parts {
		fmt.Fprintf(&out, "\n%s%s%s\n", begin, p.name, dash)
		for text := base64.StdEncoding.EncodeToString(p.bytes); text != ""; {
			n := min(width, len(text))
			fmt.Fprintf(&out, "%s\n", text[:n])
			text = text[n:]
		}
		fmt.Fprintf(&out, "%s%s%s\n", end, p.name, dash)
	}
	return out.Bytes()
}

const howEnglish = `How to check this file: run what follows in an empty folder, or better the same text from
docs/status-at.en.md. It needs a POSIX shell, openssl, and coreutils. docs/status-at.en.md explains each step.`

const howJapanese = `確かめ方: 以下を空のフォルダーで実行する。docs/status-at.ja.md にある同じ手順を用いる方がよい。
必要なものは POSIX シェル、openssl、coreutils だけである。各手順の意味は docs/status-at.ja.md にある。
`

var partName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]+)*$`)

// Parse reads a file. What it accepts is exactly what Bytes writes.
func Parse(file []byte) (*Evidence, error) {
	e, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading status evidence: %w", err)
	}
	return e, nil
}

func parse(file []byte) (*Evidence, error) {
	if len(file) >= MaxFile {
		return nil, fmt.Errorf("it has %d bytes, a file has less than %d", len(file), MaxFile)
	}
	if !bytes.HasPrefix(file, []byte(Schema+"\n")) {
		return nil, fmt.Errorf("its first line is not %q", Schema)
	}
	_, rest, ok := strings.Cut(string(file), "\n{\n")
	answer, rest, ok2 := strings.Cut(rest, "\n}\n")
	if !ok || !ok2 {
		return nil, errors.New("it has no answer")
	}
	e := new(Evidence)
	dec := json.NewDecoder(strings.NewReader("{\n" + answer + "\n}\n"))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e.Answer); err != nil {
		return nil, fmt.Errorf("its answer is malformed: %w", err)
	}
	for rest != "" {
		var p part
		var err error
		if p, rest, err = cutPart(rest); err != nil {
			return nil, err
		}
		e.parts = append(e.parts, p)
	}
	for _, s := range e.Answer.Sources {
		if s == nil {
			return nil, errors.New("its answer has an empty source")
		}
	}
	// One file has one spelling: what people read in it is what the parts say.
	if !bytes.Equal(e.Bytes(), file) {
		return nil, errors.New("its text is not the one that belongs to its answer and parts: it was changed by hand")
	}
	return e, nil
}

// cutPart takes the next part off the text.
func cutPart(text string) (part, string, error) {
	head, body, ok := strings.Cut(strings.TrimPrefix(text, "\n"), "\n")
	name, isBegin := strings.CutPrefix(head, begin)
	name, isEnd := strings.CutSuffix(name, dash)
	if !ok || !isBegin || !isEnd || len(name) > 64 || !partName.MatchString(name) {
		return part{}, "", fmt.Errorf("%.40q does not begin a part", head)
	}
	body, rest, ok := strings.Cut(body, end+name+dash+"\n")
	if !ok {
		return part{}, "", fmt.Errorf("the part %s does not end", name)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return part{}, "", fmt.Errorf("the part %s is not base64", name)
	}
	return part{name, b}, rest, nil
}

// part finds a part by name.
func (e *Evidence) part(name string) ([]byte, bool) {
	for _, p := range e.parts {
		if p.name == name {
			return p.bytes, true
		}
	}
	return nil, false
}
