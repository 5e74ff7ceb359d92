package observe

import (
	"bytes"
	"crypto/x509"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"seihon/artifact"
)

// maxRecords bounds the records of a list of CAs; CCADB has about ten thousand.
const maxRecords = 100_000

// The columns of CCADB's reports, and the short names by which a list that somebody writes by hand may call them.
var columns = map[string][]string{
	"name":        {"Certificate Name", "CA Owner", "name"},
	"certificate": {"X.509 Certificate (PEM)", "PEM Info", "Certificate PEM", "issuer_certificate"},
	"fingerprint": {"SHA-256 Fingerprint", "sha256"},
	"full":        {"Full CRL Issued By This CA", "JSON Array of All Full CRL URLs", "crl"},
	"partitions":  {"JSON Array of Partitioned CRLs", "partitioned_crl"},
	"ocsp":        {"OCSP URL", "JSON Array of OCSP URLs", "ocsp"},
	"status":      {"Revocation Status", "status"},
	"until":       {"Valid To (GMT)", "Valid To [GMT]", "not_after"},
}

// A record is one CA of a list, by the names of columns.
type record map[string]string

func (r record) of(column string) (all []string) {
	for _, name := range columns[column] {
		if v := strings.TrimSpace(r[name]); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// ReadList reads a list of CAs and their addresses, CSV with a line of headings or a JSON array of objects, in the
// shape of the Common CA Database. The CA's certificate stands in the record or is one of known, by its SHA-256. What
// cannot be looked at is a finding; CAs that are revoked or have expired are left out.
func ReadList(raw []byte, file string, known []*x509.Certificate, now time.Time) ([]Group, []Finding, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	read := readCSV
	if text := bytes.TrimLeft(raw, " \t\r\n"); len(text) > 0 && (text[0] == '[' || text[0] == '{') {
		read = readJSON
	}
	records, err := read(raw)
	if err != nil {
		return nil, nil, err
	}
	l := &lister{file: file, known: map[string]*x509.Certificate{}, at: map[string]int{}}
	for _, c := range known {
		l.known[artifact.Sum(c.Raw).String()] = c
	}
	usable := false
	for i, r := range records {
		usable = usable || len(r.of("full"))+len(r.of("partitions"))+len(r.of("ocsp")) > 0
		l.add(i, r, now)
	}
	if !usable {
		return nil, nil,
			fmt.Errorf("no record of it names a list or a responder; the columns are those of CCADB, such as %q",
				columns["full"][0])
	}
	return l.groups, l.findings, nil
}

func readCSV(raw []byte) (records []record, err error) {
	in := csv.NewReader(bytes.NewReader(raw))
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("it is neither CSV nor JSON: %w", err)
	}
	head = slices.Clone(head)
	for {
		row, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, err
		case len(records) == maxRecords:
			return nil, fmt.Errorf("it has more than %d records", maxRecords)
		}
		r := record{}
		for i, v := range row {
			r[head[i]] = v
		}
		records = append(records, r)
	}
}

func readJSON(raw []byte) (records []record, err error) {
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("it is no JSON array of objects: %w", err)
	}
	if len(all) > maxRecords {
		return nil, fmt.Errorf("it has more than %d records", maxRecords)
	}
	for _, o := range all {
		r := record{}
		for k, v := range o {
			var text string
			if json.Unmarshal(v, &text) != nil {
				text = string(v) // an array is read where the column is
			}
			if text != "null" {
				r[k] = text
			}
		}
		records = append(records, r)
	}
	return records, nil
}

// A lister makes groups of records.
type lister struct {
	file     string
	known    map[string]*x509.Certificate
	at       map[string]int // by addresses: several certificates of one CA name the same lists
	groups   []Group
	findings []Finding
}

func (l *lister) add(i int, r record, now time.Time) {
	name := fmt.Sprintf("record %d", i+1)
	if names := r.of("name"); len(names) > 0 {
		name = names[0]
	}
	g := Group{Name: name}
	bad := func(format string, args ...any) {
		l.findings = append(l.findings,
			Finding{Code: CodeNotAsked, Source: l.file, Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	for _, c := range []struct {
		column string
		to     *[]string
	}{{"full", &g.Lists}, {"partitions", &g.Partitions}, {"ocsp", &g.Responders}} {
		for _, text := range r.of(c.column) {
			addresses, err := addressesIn(text)
			if err != nil {
				bad("%v", err)
			}
			*c.to = append(*c.to, addresses...)
		}
	}
	if len(g.Lists)+len(g.Partitions)+len(g.Responders) == 0 || !inForce(r, now) {
		return
	}
	ca, err := l.certificate(r)
	if err != nil {
		bad("%v", err)
		return
	}
	key := strings.Join(slices.Concat(g.Lists, []string{""}, g.Partitions, []string{""}, g.Responders), " ")
	if n, ok := l.at[key]; ok {
		l.groups[n].Issuers = append(l.groups[n].Issuers, ca)
		return
	}
	l.at[key] = len(l.groups)
	g.Issuers = []*x509.Certificate{ca}
	l.groups = append(l.groups, g)
}

// addressesIn reads one address, or a JSON array of them. What is no address is left out, and the error says so.
func addressesIn(text string) (all []string, err error) {
	parts := []string{text}
	if strings.HasPrefix(text, "[") {
		parts = nil
		if err := json.Unmarshal([]byte(text), &parts); err != nil {
			return nil, fmt.Errorf("its addresses are no JSON array: %w", err)
		}
	}
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if p == "" {
			continue // CCADB has [""] where there is none
		}
		if e := Address(p); e != nil {
			err = errors.Join(err, e)
			continue
		}
		all = append(all, p)
	}
	return all, err
}

// inForce reports whether a record speaks of a CA that still has to publish.
func inForce(r record, now time.Time) bool {
	for _, s := range r.of("status") {
		if s == "Revoked" || s == "Parent Cert Revoked" {
			return false
		}
	}
	for _, s := range r.of("until") {
		day, err := time.Parse("2006-01-02", strings.ReplaceAll(s, ".", "-")[:min(len(s), 10)])
		if err == nil && now.After(day.AddDate(0, 0, 1)) {
			return false
		}
	}
	return true
}

// certificate returns the CA's certificate.
func (l *lister) certificate(r record) (*x509.Certificate, error) {
	if texts := r.of("certificate"); len(texts) > 0 {
		certs, err := Certificates([]byte(strings.Trim(texts[0], "'")))
		if err != nil {
			return nil, fmt.Errorf("its certificate cannot be used: %w", err)
		}
		cas, err := Authorities(certs[:min(len(certs), 1)])
		if err != nil {
			return nil, err
		}
		return cas[0], nil
	}
	if texts := r.of("fingerprint"); len(texts) > 0 {
		sum, err := hex.DecodeString(strings.ToLower(strings.ReplaceAll(texts[0], ":", "")))
		if c := l.known[hex.EncodeToString(sum)]; err == nil && c != nil {
			return c, nil
		}
		return nil, fmt.Errorf("the certificate with SHA-256 %.64q is not at hand; give it with --issuer-certificate",
			texts[0])
	}
	return nil, errors.New("it names no certificate of its CA: a column with the PEM or the SHA-256 is needed")
}
