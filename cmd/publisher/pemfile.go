package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/internal/regular"
	"seihon/verify"
)

// readCertificates reads the certificates of a PEM file, or the one of a DER file. PEM lets text stand around its
// blocks: text is how much there is of it, for who must show what was not read. A block that is damaged is such text.
func readCertificates(file string) (certs []*x509.Certificate, text int, err error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	begin := []byte("-----BEGIN ")
	if !bytes.Contains(raw, begin) {
		c, err := artifact.ParseCertificate(raw)
		if err != nil {
			return nil, 0, fmt.Errorf("parsing certificate %q: %w", file, err)
		}
		return []*x509.Certificate{c}, 0, nil
	}
	for {
		block, rest := pem.Decode(raw)
		if block == nil {
			break
		}
		c, err := artifact.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, 0, fmt.Errorf("parsing certificate %q: %w", file, err)
		}
		certs = append(certs, c)
		read := raw[:len(raw)-len(rest)]
		text += len(bytes.TrimSpace(read[:bytes.LastIndex(read, begin)]))
		raw = rest
	}
	if len(certs) == 0 {
		return nil, 0, fmt.Errorf("parsing certificate %q: %w", file, errors.New("it holds no whole PEM certificate"))
	}
	return certs, text + len(bytes.TrimSpace(raw)), nil
}

// certificates reads files of one certificate each. A second one in a file would be believed by some programs and not
// by others.
func certificates(files []config.Path) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, file := range files {
		certs, _, err := readCertificates(string(file))
		if err != nil {
			return nil, err
		}
		if len(certs) > 1 {
			return nil, fmt.Errorf("parsing certificate %q: it holds %d certificates; name a file of its own for each",
				file, len(certs))
		}
		out = append(out, certs...)
	}
	return out, nil
}

// textAround tells of the text in the files of certificates that a check believes.
func (h *host) textAround(conf *verify.Config) error {
	files := append(append([]config.Path{}, h.conf.Trust.Anchors...), h.conf.Trust.Partners...)
	for _, t := range h.timestamps() {
		files = append(files, t.Roots)
	}
	for _, file := range files {
		_, text, err := readCertificates(string(file))
		if err != nil {
			return err
		}
		if text > 0 {
			conf.Tolerated = append(conf.Tolerated,
				verify.Tolerated{Name: string(file), Detail: fmt.Sprintf(verify.TextAroundPEM, text)})
		}
	}
	return nil
}
