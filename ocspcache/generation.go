package ocspcache

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"seihon/artifact"
)

// generationMagic is the first line of a generation.
const generationMagic = "seihon/ocsp-generation/v1"

// Limits of a generation: a shard is named by 16 bits, and its file stays small
// enough to be read whole.
const (
	maxShards          = 1 << 16
	maxGenerationBytes = 16 << 20
	maxIssuerName      = 128
)

// timeFormat is the one way in which times are written in generations.
const timeFormat = "20060102T150405Z"

// A Generation says which bundles hold the current OCSP responses of one
// issuer. Its body is an artifact of the ledger; its public copy carries the
// proof of that.
type Generation struct {
	Issuer     string
	Number     uint64 // rises by at least one with each generation
	ThisUpdate time.Time
	NextUpdate time.Time // the earliest nextUpdate among the responses
	Bundles    []GenerationBundle
}

// A GenerationBundle is the bundle of one shard. The shards of a generation are
// 0 to n-1, each exactly once, so that [ShardOf] finds the bundle of a serial.
type GenerationBundle struct {
	Shard      uint16
	Digest     artifact.Digest
	Size       int64
	Count      int
	NextUpdate time.Time // the earliest in the bundle; zero when Count is 0
}

// Body returns the canonical text of g: the bytes that the ledger records.
func (g *Generation) Body() []byte {
	b := make([]byte, 0, 256+128*len(g.Bundles))
	b = fmt.Appendf(b, "%s\nissuer %s\nnumber %d\nthis-update %s\nnext-update %s\n",
		generationMagic, g.Issuer, g.Number, formatTime(g.ThisUpdate), formatTime(g.NextUpdate))
	for _, u := range g.Bundles {
		b = fmt.Appendf(b, "bundle %d %s %d %d %s\n", u.Shard, u.Digest, u.Size, u.Count, formatTime(u.NextUpdate))
	}
	return b
}

// Public returns the public copy: the body, an empty line and the proof.
func (g *Generation) Public(proof []byte) []byte {
	return append(append(g.Body(), '\n'), proof...)
}

// ParseGeneration reads a generation, either its body alone or its public copy;
// proof is nil for a body alone. The text must be canonical: Body of the result
// returns the same bytes.
func ParseGeneration(b []byte) (g *Generation, proof []byte, err error) {
	if len(b) > maxGenerationBytes {
		return nil, nil, fmt.Errorf("parsing OCSP generation: %d bytes, at most %d are possible", len(b),
			maxGenerationBytes)
	}
	body := b
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		body, proof = b[:i+1], b[i+2:]
	}
	g, err = parseGenerationBody(body)
	if err != nil {
		return nil, nil, fmt.Errorf("parsing OCSP generation: %w", err)
	}
	if !bytes.Equal(g.Body(), body) {
		return nil, nil, fmt.Errorf("parsing OCSP generation %q: text is not canonical", g.Issuer)
	}
	return g, proof, nil
}

func parseGenerationBody(body []byte) (*Generation, error) {
	lines := strings.Split(string(body), "\n")
	if len(lines) < 6 || lines[0] != generationMagic || lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("text is no %s with its five lines of head", generationMagic)
	}
	lines = lines[1 : len(lines)-1]
	g := new(Generation)
	var err error
	for i, name := range []string{"issuer", "number", "this-update", "next-update"} {
		value, ok := strings.CutPrefix(lines[i], name+" ")
		if !ok {
			return nil, fmt.Errorf("line %d is %q, want %s", i+2, lines[i], name)
		}
		switch name {
		case "issuer":
			g.Issuer = value
			if !validIssuer(value) {
				err = fmt.Errorf("name must be lower case letters, digits, '-', '_' and '.'")
			}
		case "number":
			g.Number, err = strconv.ParseUint(value, 10, 64)
		case "this-update":
			g.ThisUpdate, err = parseTime(value)
		case "next-update":
			g.NextUpdate, err = parseTime(value)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s %q: %w", name, value, err)
		}
	}
	if len(lines)-4 > maxShards {
		return nil, fmt.Errorf("%d bundles, at most %d are possible", len(lines)-4, maxShards)
	}
	for i, line := range lines[4:] {
		u, err := parseGenerationBundle(line, i)
		if err != nil {
			return nil, fmt.Errorf("reading line %d: %w", i+6, err)
		}
		g.Bundles = append(g.Bundles, u)
	}
	return g, nil
}

func parseGenerationBundle(line string, shard int) (u GenerationBundle, err error) {
	f := strings.Split(line, " ")
	if len(f) != 6 || f[0] != "bundle" {
		return u, fmt.Errorf("%q is not a bundle with its five fields", line)
	}
	if f[1] != strconv.Itoa(shard) {
		return u, fmt.Errorf("shard %q where %d must follow: shards are numbered from 0 without a gap", f[1], shard)
	}
	u.Shard = uint16(shard)
	if u.Digest, err = artifact.ParseDigest(f[2]); err != nil {
		return u, err
	}
	if u.Size, err = strconv.ParseInt(f[3], 10, 64); err != nil || u.Size < 0 {
		return u, fmt.Errorf("size %q is not a number of bytes", f[3])
	}
	if u.Count, err = strconv.Atoi(f[4]); err != nil || u.Count < 0 {
		return u, fmt.Errorf("count %q is not a number of responses", f[4])
	}
	u.NextUpdate, err = parseTime(f[5])
	return u, err
}

// validIssuer reports whether s can be part of a public name.
func validIssuer(s string) bool {
	if s == "" || len(s) > maxIssuerName || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(timeFormat)
}

func parseTime(s string) (time.Time, error) {
	if s == "-" {
		return time.Time{}, nil
	}
	return time.Parse(timeFormat, s)
}
