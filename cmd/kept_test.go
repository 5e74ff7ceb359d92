//go:build integration

package cmd_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seihon/publish/storetest/servers"
)

// A keptCA is a CA whose own software signs: how it is made, and how it makes its next lists. Its scripts run in the
// room's folder, where $URL and $OCSP are the addresses that its certificates name, and leave what it hands over in
// incoming.
type keptCA struct {
	name string
	// root and issuing CA, subscribers one and two, first lists; the CA certificates become ca/root.crt and ca/sub.crt
	make    string
	certify string // the request sub-ocsp.csr, and hands the certificate over
	// the next lists, as cron makes them; $STAGE is good, revoked (one is) or forgot (it is not any more)
	round string
	crl   string // the setting of the issuing CA's lists
	lists []string
}

// handOver is how a file gets into the drop folder: whole, in one step.
const handOver = `give() { mkdir -p incoming; cp "$1" incoming/.part && mv incoming/.part "incoming/$2"; }
`

var keptCAs = []keptCA{
	{
		name: "openssl",
		make: `"$SCRIPTS/openssl-ca.sh" ca "$URL" "$OCSP"
for n in root sub one two cps; do openssl x509 -in ca/$n.crt -outform DER -out ca/$n.cer && give ca/$n.cer $n.cer; done
openssl crl -in ca/root.crl -outform DER -out ca/root-der.crl && give ca/root-der.crl root.crl`,
		certify: `(cd ca && openssl ca -config sub.cnf -batch -notext -in ../sub-ocsp.csr -extensions ocsp -out ocsp.crt)
openssl x509 -in ca/ocsp.crt -outform DER -out ca/ocsp.cer && give ca/ocsp.cer ocsp.cer`,
		round: `cd ca
[ $STAGE = good ] || grep -q "^R.*CN=one" sub.index || openssl ca -config sub.cnf -revoke one.crt -crl_reason keyCompromise
[ $STAGE != forgot ] || sed -i "/CN=one/s/^R\t\([0-9Z]*\)\t[^\t]*/V\t\1\t/" sub.index
openssl ca -config sub.cnf -gencrl -out sub.pem && openssl crl -in sub.pem -outform DER -out sub.crl
cd ..
give ca/sub.crl sub.crl`,
		crl:   "{validity: 30d, refresh: 1d}",
		lists: []string{"crl/sub.crl"},
	},
	otherCA("step-ca", "", "sub.crl", "{validity: 7d, refresh: 1d}", "crl/sub.crl"),
	otherCA("boulder", "--boulder", "0.crl 1.crl", "{validity: 7d, refresh: 1d, shards: 2}", "crl/sub/0.crl",
		"crl/sub/1.crl"),
}

// otherCA is a CA of deploy/ca/othersoftware, which has made all its lists beforehand.
func otherCA(name, flag, files, crl string, lists ...string) keptCA {
	return keptCA{
		name: name,
		make: `othersoftware ` + flag + ` --out ca --url "$URL" --ocsp "$OCSP"
for n in root sub; do openssl x509 -inform DER -in ca/$n.cer -out ca/$n.crt; done
for n in one two; do cp ca/private/$n.pem ca/$n.crt; done
cp "$SCRIPTS/demo-cps.pdf" ca/cps.pdf
openssl cms -sign -binary -in ca/cps.pdf -signer ca/private/cps.pem -inkey ca/private/cps.key -outform DER -out ca/cps.pdf.p7s
for n in root.cer sub.cer one.cer two.cer cps.cer root.crl; do give ca/$n $n; done`,
		certify: "othersoftware --out ca --certify sub-ocsp.csr && give ca/ocsp.cer ocsp.cer",
		round: `set -- ` + files + `
[ $STAGE != forgot ] || set -- "$1" # the part that forgot something
for n; do give ca/$STAGE/$n $n; done`,
		crl: crl, lists: lists,
	}
}

const keptRoom = `version: 1
repository: {name: kept.example, base_url: "URL"}
master: {keys: [keys/master-log.ecdsa.vkey, keys/master-log.ed25519.vkey]}
trust: {anchors: [ca/root.crt]}
signer: {module: MODULE, softhsm_config: secrets/softhsm2.conf, token: repository, policy: trial, pin: {file: secrets/pin}}
issuers:
  - {name: root, signed_by: external, arl: {validity: 180d, refresh: 90d}}
  - name: sub
    parent: root
    signed_by: external
    crl: CRL
    ocsp: {validity: 3d, refresh: 1d, responder: {validity: 90d, key: {algorithm: p256}}}
accept: {directory: incoming}
documents: [{name: cps, title: Certification Practice Statement}]
serve: {source: "URL", cache: cache, urls: ["OCSP"], poll: 200ms}
targets:
  - name: bucket
    url: "URL"
    s3: {bucket: kept, region: us-east-1, endpoint: "ENDPOINT", path_style: true}
`

// TestKeptSoftware is the whole way of a CA that keeps its own software, once for each that runs here: OpenSSL alone,
// step-ca's and Boulder's issuance code. The room has the log's keys and that of an OCSP signer which the CA certifies.
// Lists come into the drop folder like those of a cron job, while the room and the publishing host run as from cron;
// OpenSSL, GnuTLS and Java ask the bucket and the responder on it. Then the CA forgets a revocation: it is refused,
// nothing is sent, exit code and status say so.
func TestKeptSoftware(t *testing.T) {
	buildOthers(t)
	s3 := servers.StartS3(t, false)
	servers.Credentials(t, servers.AccessKey, servers.SecretKey)
	classes := t.TempDir()
	run(t, "javac", "-d", classes, "testdata/java/Validate.java")
	for _, ca := range keptCAs {
		t.Run(ca.name, func(t *testing.T) {
			servers.MakeS3Bucket(t, s3, "kept")
			t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(s3.Data, "kept")) })
			servers.AllowPublicRead(t, s3, "kept")
			k := newKept(t, ca, s3)
			k.open()
			k.cron("good", func() bool { return strings.Contains(k.must("publisher", "sync"), "sent") })
			k.mustVerify()
			stop := serveKept(k)
			k.clients(classes, "one", "")
			k.clients(classes, "two", "")
			k.cron("revoked", func() bool {
				k.must("publisher", "sync")
				return k.revokedInPublic()
			})
			k.mustVerify()
			k.clients(classes, "one", "revoked")
			k.clients(classes, "two", "")
			stop()
			k.forgets()
		})
	}
}

type kept struct {
	t         *testing.T
	ca        keptCA
	dir       string
	url, ocsp string // the public addresses
	listen    string
	data      string // the bucket's folder
	environ   []string
}

// newKept makes the CA and the room's configuration.
func newKept(t *testing.T, ca keptCA, s3 *servers.S3) *kept {
	t.Helper()
	listen, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{
		t: t, ca: ca, dir: t.TempDir(), url: s3.Endpoint + "/kept", listen: listen, ocsp: "http://" + listen + "/ocsp",
		data: filepath.Join(s3.Data, "kept"),
	}
	k.environ = append(os.Environ(), "URL="+k.url, "OCSP="+k.ocsp, "SCRIPTS="+filepath.Dir(demoPDF))
	k.shell(ca.make)
	k.shell(`mkdir -m 700 secrets && umask 077 && printf 1234-user >secrets/pin && printf 5678-officer >secrets/so-pin`)
	module := strings.TrimSpace(k.shell(`for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ ! -e "$m" ] || { echo "$m"; break; }; done`))
	text := strings.NewReplacer("URL", k.url, "OCSP", k.ocsp, "ENDPOINT", s3.Endpoint, "CRL", ca.crl, "MODULE",
		module).Replace(keptRoom)
	if err := os.WriteFile(filepath.Join(k.dir, "repository.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// open makes the room's token, takes what the CA has, and has the OCSP signer certified.
func (k *kept) open() {
	k.t.Helper()
	k.must("publisher", "config", "check")
	k.must("signer", "init", "--init-token", "--so-pin-file", "secrets/so-pin")
	k.must("signer", "keygen")
	out := k.exits(1, "signer", "accept", "--watch", "incoming", "--once")
	if want := "let the CA sign what `signer request --name sub-ocsp`"; strings.Contains(out, "refused") ||
		!strings.Contains(out, want) {
		k.t.Errorf("accept refuses something, or misses %q:\n%s", want, out)
	}
	k.must("signer", "request", "--name", "sub-ocsp", "--out", "sub-ocsp.csr")
	k.shell(k.ca.certify)
	k.must("signer", "accept", "--file", "ca/cps.pdf", "--file", "ca/cps.pdf.p7s", "--document", "cps",
		"--document-version", "1.0")
}

func (k *kept) command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(k.t.Context(), name, args...)
	c.Dir, c.Env = k.dir, k.environ
	return c
}

func (k *kept) shell(script string) string {
	k.t.Helper()
	out, err := k.command("sh", "-euc", handOver+script).CombinedOutput()
	if err != nil {
		k.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func (k *kept) exits(code int, name string, args ...string) string {
	k.t.Helper()
	c := k.command(name, append(args, "--quiet")...)
	out, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		k.t.Fatalf("%s %s: exit code %d, want %d\n%s", name, strings.Join(args, " "), got, code, out)
	}
	return string(out)
}

func (k *kept) must(name string, args ...string) string {
	k.t.Helper()
	return k.exits(0, name, args...)
}

// mustVerify wants the auditor to find nothing at all, in the bucket as anybody can read it.
func (k *kept) mustVerify() {
	k.t.Helper()
	if out := k.must("publisher", "verify", "--source", k.url, "--list"); !strings.HasPrefix(out,
		"OK - 0 critical, 0 errors, 0 warnings, 0 notes") {
		k.t.Errorf("verify:\n%s", out)
	}
}

// cron lets the CA make its lists each second in a loop of its own, as its cron job would, while the room and the
// publishing host run until done says that what they sent is enough.
func (k *kept) cron(stage string, done func() bool) {
	k.t.Helper()
	job := k.command("sh", "-euc", handOver+"while [ ! -e stop ]; do ("+k.ca.round+"\n) 2>>cron.log; sleep 1; done")
	job.Env = append(k.environ, "STAGE="+stage)
	if err := job.Start(); err != nil {
		k.t.Fatal(err)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for ended := false; !ended; {
		if time.Now().After(deadline) {
			k.t.Fatalf("the lists of the loop are not public after two minutes; %s", k.shell("cat cron.log"))
		}
		ended = k.taken() && done()
	}
	k.shell("touch stop")
	if err := job.Wait(); err != nil {
		k.t.Fatalf("the CA's loop: %v\n%s", err, k.shell("cat cron.log"))
	}
	k.shell("rm stop")
	k.must("signer", "run") // what the loop dropped last
	k.must("publisher", "sync")
}

// taken runs the room once, and reports whether each list of the CA is in the master.
func (k *kept) taken() bool {
	k.t.Helper()
	c := k.command("signer", "run", "--quiet")
	out, err := c.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "was taken in yet") { // the loop's first list is not here yet
		k.t.Fatalf("signer run: %v\n%s", err, out)
	}
	return err == nil
}

// revokedInPublic asks the bucket whether a list of it names the certificate one.
func (k *kept) revokedInPublic() bool {
	k.t.Helper()
	for _, name := range k.ca.lists {
		if strings.Contains(k.shell(`curl -sSf "$URL/`+name+`" | openssl crl -inform DER -noout -text`),
			"Key Compromise") {
			return true
		}
	}
	return false
}

// serveKept starts the keyless responder on the bucket.
func serveKept(k *kept) (stop func()) {
	k.t.Helper()
	c := k.command("publisher", "serve", "--quiet", "--listen", k.listen)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		k.t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = c.Process.Signal(interrupt)
			_ = c.Wait()
		}
	}
	k.t.Cleanup(stop)
	for range 100 {
		if exec.CommandContext(k.t.Context(), "curl", "-sf", "-o", "/dev/null",
			"http://"+k.listen+"/crl/none").Run() == nil ||
			strings.Contains(k.shell("curl -s -o /dev/null -w '%{http_code}' http://"+k.listen+"/none || :"), "404") {
			return stop
		}
		time.Sleep(50 * time.Millisecond)
	}
	k.t.Fatalf("the responder does not answer:\n%s", &out)
	return stop
}

// A check is a command of a client.
type check struct {
	args []string
	want string // in the output; a leading "!" means that the command must also fail
}

// clients asks about a certificate with programs that know nothing of this project: they find lists and responder by
// the addresses in the certificates. want is revoked, or empty for good.
func (k *kept) clients(classes, cert, want string) {
	k.t.Helper()
	file := "ca/" + cert + ".crt"
	verified, status, crlAnswer, java := cert+".crt: OK", cert+".crt: good", "Certificate Status: good", "VALID"
	if want != "" {
		verified, status, crlAnswer, java = "!certificate revoked", cert+".crt: revoked", "Certificate Status: revoked",
			"!revoked"
	}
	files := []string{"openssl", "verify", "-crl_check_all"}
	for _, name := range append(k.ca.lists, "crl/root-arl.crl") {
		pem := strings.NewReplacer("crl/", "public-", "/", "-", ".crl", ".pem").Replace(name)
		k.shell(`curl -sSf "$URL/` + name + `" | openssl crl -inform DER -out ` + pem)
		files = append(files, "-CRLfile", pem)
	}
	validate := func(mode string) []string {
		return []string{"java", "-Dcom.sun.security.enableCRLDP=true", "-cp", classes, "Validate", mode, file,
			"ca/sub.crt", "ca/root.crt"}
	}
	checks := map[string]check{
		"openssl verify": {append(files, "-CAfile", "ca/root.crt", "-untrusted", "ca/sub.crt", file), verified},
		"openssl verify, list downloaded": {[]string{"openssl", "verify", "-crl_check", "-crl_download", "-CAfile",
			"ca/root.crt",
			"-untrusted", "ca/sub.crt", file}, verified},
		"openssl ocsp": {[]string{"openssl", "ocsp", "-no_nonce", "-issuer", "ca/sub.crt", "-CAfile", "ca/root.crt",
			"-verify_other", "ca/sub.crt",
			"-url", k.ocsp, "-cert", file}, status},
		"ocsptool": {[]string{"ocsptool", "--ask=" + k.ocsp, "--load-cert", file, "--load-issuer", "ca/sub.crt",
			"--load-trust", "ca/sub.crt"}, crlAnswer},
		"Java OCSP": {validate("leaf"), java},
		"Java CRL":  {validate("crl"), java},
	}
	for _, pem := range files {
		if strings.HasPrefix(pem, "public-sub") {
			checks["certtool "+
				pem] = check{[]string{"certtool", "--verify-crl", "--infile", pem, "--load-ca-certificate",
				"ca/sub.crt"}, "Verified"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		c := checks[name]
		want, fails := strings.CutPrefix(c.want, "!")
		var out []byte
		var err error
		for range 50 { // the responder looks at the bucket every now and then
			if out, err = k.command(c.args[0], c.args[1:]...).CombinedOutput(); strings.Contains(string(out), want) &&
				(err != nil) == fails {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if !strings.Contains(string(out), want) || (err != nil) != fails {
			k.t.Errorf("%s about %s: %v, output misses %q:\n%s", name, cert, err, want, out)
		}
	}
}

// forgets lets the CA forget that it revoked one, and wants that to go no further than the room's door.
func (k *kept) forgets() {
	k.t.Helper()
	before := k.bucket()
	c := k.command("sh", "-euc", handOver+k.ca.round)
	c.Env = append(k.environ, "STAGE=forgot")
	if out, err := c.CombinedOutput(); err != nil {
		k.t.Fatalf("the CA's job: %v\n%s", err, out)
	}
	out := k.exits(5, "signer", "run")
	for _, want := range []string{"refused   ", " unsays what the master says: serial 10",
		`1 -" in the master and would become "absent"`} {
		if !strings.Contains(out, want) {
			k.t.Errorf("signer run misses %q:\n%s", want, out)
		}
	}
	if out := k.must("publisher", "sync"); !strings.Contains(out, "nothing to send") {
		k.t.Errorf("sync:\n%s", out)
	}
	if after := k.bucket(); after != before {
		k.t.Errorf("the bucket changed:\n%s\nand now\n%s", before, after)
	}
	if out := k.exits(3, "signer", "status"); !strings.HasPrefix(out, "CRITICAL - ") ||
		!strings.Contains(out, `would become "absent"`) {
		k.t.Errorf("signer status:\n%s", out)
	}
	k.mustVerify() // what is public is still right
}

// bucket lists what is in the bucket, with digests.
func (k *kept) bucket() string {
	k.t.Helper()
	c := exec.CommandContext(k.t.Context(), "sh", "-euc", "find . -type f | sort | xargs sha256sum")
	c.Dir = k.data
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "crl") {
		k.t.Fatal(fmt.Errorf("listing the bucket: %w\n%s", err, out))
	}
	return string(out)
}
