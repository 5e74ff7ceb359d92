package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// A component is one entry of a CycloneDX document.
type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type document struct {
	Schema       string      `json:"$schema"`
	Format       string      `json:"bomFormat"`
	Spec         string      `json:"specVersion"`
	SerialNumber string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     metadata    `json:"metadata"`
	Components   []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

// shippable says for which architecture a binary is, or why it must not be in the image.
func shippable(binary []byte) (string, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("reading what the binary links: %w", err)
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/miekg/pkcs11" {
			return "", errors.New("the binary links PKCS #11: it is no keyless one and stays in the signing room")
		}
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if set["GOOS"] != "linux" || set["CGO_ENABLED"] != "0" {
		return "",
			fmt.Errorf("the binary is for GOOS=%s with CGO_ENABLED=%s; the image has no C library: build it with "+
				"GOOS=linux CGO_ENABLED=0", set["GOOS"], set["CGO_ENABLED"])
	}
	return set["GOARCH"], nil
}

// sbom describes a Go binary as CycloneDX 1.6, from what the linker recorded in it. There
// is no time in it and its serial number is made from the digest: one binary, one document.
func sbom(binary []byte) ([]byte, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("reading what the binary links: %w", err)
	}
	digest := sha256.Sum256(binary)
	main := component{Type: "application", Ref: info.Path, Name: info.Path,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(digest[:])}}}
	for _, s := range info.Settings {
		switch s.Key {
		case "-trimpath", "CGO_ENABLED", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOFIPS140":
			main.Properties = append(main.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	doc := document{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		SerialNumber: serial(digest), Metadata: metadata{main},
		Components: []component{module("std", strings.TrimPrefix(info.GoVersion, "go"), "")},
	}
	for _, m := range info.Deps {
		doc.Components = append(doc.Components, moduleOf(m))
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the list: %w", err)
	}
	return append(out, '\n'), nil
}

func moduleOf(m *debug.Module) component {
	if m.Replace != nil {
		m = m.Replace
	}
	return module(m.Path, m.Version, m.Sum)
}

func module(path, version, sum string) component {
	purl := "pkg:golang/" + path + "@" + version
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
	if sum != "" { // as in go.sum; no algorithm of CycloneDX
		c.Properties = []property{{"go:sum", sum}}
	}
	return c
}

// serial makes a UUID (RFC 9562 version 8) of a digest.
func serial(digest [32]byte) string {
	u := digest[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
