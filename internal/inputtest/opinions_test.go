//go:build integration

package inputtest

import (
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/opinions.txt anew")

// An opinion is what another program makes of a case: whether it takes it, or that it has none.
type opinion struct {
	has, takes bool
	said       string
}

// A kindOfCase is a case with what it is.
type kindOfCase struct {
	Case
	kind string // certificate, list, response, request, row
	file string
}

// TestOpinions asks OpenSSL, zlint and Java about every case that they read. Where one of them is of another opinion
// than the corpus, testdata/opinions.txt says so, with the reason: nothing differs in silence.
func TestOpinions(t *testing.T) {
	for _, tool := range []string{"openssl", "java", "zlint"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: run make tools", err)
		}
	}
	dir := t.TempDir()
	ca := NewCA("Example CA One")
	write(t, dir, "ca.der", ca.Cert.Raw)
	write(t, dir, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw}))
	cases := everyCase(t, dir, ca)
	java := askJava(t, dir, cases)
	prepareIndex(t, dir)
	said := make([]map[string]opinion, len(cases))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < len(cases); i += 4 {
				said[i] = map[string]opinion{"openssl": askOpenSSL(t, dir, cases[i]), "zlint": askZLint(t, cases[i]),
					"java": java[i]}
			}
		})
	}
	wg.Wait()
	var table strings.Builder
	counts := map[string][2]int{}
	for i, c := range cases {
		for _, tool := range []string{"java", "openssl", "zlint"} {
			o := said[i][tool]
			if !o.has {
				continue
			}
			n := counts[tool]
			n[0]++
			if o.takes != c.Accept {
				n[1]++
				fmt.Fprintf(&table, "%s\t%s\t%s\t%s\n", tool, c.Name,
					map[bool]string{true: "we take it", false: "we refuse it"}[c.Accept], reasonFor(t, tool, c, o))
			}
			counts[tool] = n
		}
	}
	for tool, n := range counts {
		t.Logf("%s: %d opinions, %d of them another one", tool, n[0], n[1])
	}
	compare(t, table.String())
}

// reasonFor says why the corpus differs from a tool.
func reasonFor(t *testing.T, tool string, c kindOfCase, o opinion) string {
	t.Helper()
	if !c.Accept {
		return c.Why
	}
	for _, r := range stricter {
		if r.tool == tool && strings.HasPrefix(c.Name, r.prefix) && strings.Contains(o.said, r.said) {
			return r.why
		}
	}
	t.Errorf("%s refuses %q, and no reason is given why it may come in: %s", tool, c.Name, o.said)
	return "?"
}

func compare(t *testing.T, got string) {
	t.Helper()
	const file = "testdata/opinions.txt"
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	slices.Sort(lines)
	got = strings.Join(lines, "\n") + "\n"
	if *update {
		write(t, ".", file, []byte(got))
		return
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	for _, l := range lines {
		if !slices.Contains(want, l) {
			t.Errorf("a difference that the table does not have: %s", l)
		}
	}
	for _, l := range want {
		if !slices.Contains(lines, l) {
			t.Errorf("a difference that there is no more: %s", l)
		}
	}
}

func write(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func everyCase(t *testing.T, dir string, ca *CA) (all []kindOfCase) {
	t.Helper()
	add := func(c Case, kind string) { all = append(all, kindOfCase{Case: c, kind: kind}) }
	for _, c := range Lists(ca) {
		add(c.Case, "list")
	}
	for _, c := range Responses(ca) {
		add(c, "response")
	}
	for _, c := range Certificates(ca) {
		add(c, "certificate")
	}
	for _, c := range Requests() {
		add(c, "request")
	}
	for _, r := range IndexRows() {
		add(Case{r.Name, []byte(r.Line + "\n"), r.Accept, r.Why}, "row")
	}
	for i := range all {
		name := fmt.Sprintf("%d.der", i)
		all[i].file = filepath.Join(dir, name)
		write(t, dir, name, all[i].DER)
	}
	return all
}

// askJava starts once for all cases.
func askJava(t *testing.T, dir string, cases []kindOfCase) []opinion {
	t.Helper()
	var list strings.Builder
	for i, c := range cases {
		fmt.Fprintf(&list, "%d %s\n", i, c.kind)
	}
	write(t, dir, "cases", []byte(list.String()))
	out, err := exec.Command("java", "--add-exports", "java.base/sun.security.pkcs10=ALL-UNNAMED",
		"testdata/Opinions.java", dir).Output()
	if err != nil {
		t.Fatalf("java: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("Java speaks of %d cases, there are %d", len(lines), len(cases))
	}
	all := make([]opinion, len(cases))
	for i, l := range lines {
		_, said, _ := strings.Cut(l, "\t")
		all[i] = opinion{said != "no opinion", said == "ok", said}
	}
	return all
}

// prepareIndex makes a CA of OpenSSL's own, to read index.txt with.
func prepareIndex(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
		"-nodes", "-keyout",
		filepath.Join(dir, "index.key"), "-out", filepath.Join(dir, "index.pem"), "-subj", "/CN=x", "-days",
		"30").CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}

func askOpenSSL(t *testing.T, dir string, c kindOfCase) opinion {
	ca := filepath.Join(dir, "ca.pem")
	args, good := []string(nil), ""
	switch c.kind {
	case "certificate": // the time of the cases, so that nothing depends on the day
		args = []string{"verify", "-partial_chain", "-attime", fmt.Sprint(Now.Unix()), "-CAfile", ca, c.file}
		good = "OK"
	case "list":
		args, good = []string{"crl", "-inform", "DER", "-in", c.file, "-noout", "-CAfile", ca}, "verify OK"
	case "response":
		args, good = []string{"ocsp", "-respin", c.file, "-VAfile", ca, "-no_nonce"}, "Response verify OK"
	case "request":
		args, good = []string{"req", "-inform", "DER", "-in", c.file, "-noout", "-verify"}, "verify OK"
	case "row":
		conf := c.file + ".cnf"
		write(t, filepath.Dir(conf), filepath.Base(conf),
			[]byte(fmt.Sprintf("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\ndefault_md=sha256\ndefault_crl_days=30\n",
				c.file)))
		args = []string{"ca", "-config", conf, "-gencrl", "-keyfile", filepath.Join(dir, "index.key"), "-cert",
			filepath.Join(dir, "index.pem")}
		good = "BEGIN X509 CRL"
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	said := strings.Join(strings.Fields(string(out)), " ")
	return opinion{true, err == nil && strings.Contains(said, good), said}
}

// askZLint counts what is worse than a warning in the lints of the RFCs.
func askZLint(t *testing.T, c kindOfCase) opinion {
	if c.kind == "row" || c.kind == "request" {
		return opinion{}
	}
	// The corpus has no authority key identifiers: they are no subject of it.
	out, err := exec.Command("zlint", "-format", "der", "-includeSources", "RFC3279,RFC5280,RFC5480", "-excludeNames",
		"e_crl_has_authority_key_identifier,e_ext_authority_key_identifier_no_key_identifier", c.file).Output()
	var results map[string]struct {
		Result string `json:"result"`
	}
	if jerr := json.Unmarshal(out, &results); err != nil || jerr != nil {
		said := fmt.Sprint(err)
		if failed, ok := err.(*exec.ExitError); ok {
			said = string(failed.Stderr)
		}
		return opinion{true, false, said}
	}
	var bad []string
	for name, r := range results {
		if r.Result == "error" || r.Result == "fatal" {
			bad = append(bad, name)
		}
	}
	slices.Sort(bad)
	return opinion{true, len(bad) == 0, strings.Join(bad, " ")}
}
