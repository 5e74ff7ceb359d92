package approval

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"seihon/artifact/sshsig"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// signing is a key of a test. As a FIDO key it signs what PROTOCOL.u2f of the OpenSSH sources says: ssh-keygen makes
// such keys only with a device at hand.
type signing struct {
	public  ssh.PublicKey
	sign    func(message []byte) []byte // the signature in its wire encoding
	private crypto.Signer
}

func plain(t *testing.T, key crypto.Signer) signing {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signing{signer.PublicKey(), func(message []byte) []byte {
		algorithm := signer.PublicKey().Type()
		if algorithm == ssh.KeyAlgoRSA {
			algorithm = ssh.KeyAlgoRSASHA512
		}
		s, err := signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, message, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		return ssh.Marshal(s)
	}, key}
}

func newKey(t *testing.T) signing {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return plain(t, key)
}

// fido makes a FIDO key whose signatures have these flags.
func fido(t *testing.T, key crypto.Signer, flags byte) signing {
	t.Helper()
	const application = "ssh:"
	var wire []byte
	switch k := key.(type) {
	case ed25519.PrivateKey:
		wire = ssh.Marshal(struct {
			Type        string
			Key         []byte
			Application string
		}{ssh.KeyAlgoSKED25519, k.Public().(ed25519.PublicKey), application})
	case *ecdsa.PrivateKey:
		point, err := k.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		wire = ssh.Marshal(struct {
			Type, Curve string
			Key         []byte
			Application string
		}{ssh.KeyAlgoSKECDSA256, "nistp256", point, application})
	}
	public, err := ssh.ParsePublicKey(wire)
	if err != nil {
		t.Fatal(err)
	}
	return signing{public, func(message []byte) []byte {
		app, digest := sha256.Sum256([]byte(application)), sha256.Sum256(message)
		counter := binary.BigEndian.AppendUint32(nil, 7)
		signed := slices.Concat(app[:], []byte{flags}, counter, digest[:])
		inner := &ssh.Signature{Format: public.Type(), Rest: append([]byte{flags}, counter...)}
		switch k := key.(type) {
		case ed25519.PrivateKey:
			inner.Blob = ed25519.Sign(k, signed)
		case *ecdsa.PrivateKey:
			sum := sha256.Sum256(signed)
			r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			inner.Blob = ssh.Marshal(struct{ R, S *big.Int }{r, s})
		}
		return ssh.Marshal(inner)
	}, key}
}

// armour makes an SSHSIG file; edit may change what is signed and said.
func (k signing) armour(message []byte, edit func(*fields)) []byte {
	f := fields{Version: 1, PublicKey: k.public.Marshal(), Namespace: Namespace, Hash: "sha512"}
	if edit != nil {
		edit(&f)
	}
	sum := sha512.Sum512(message)
	digest := sum[:]
	if f.Hash == "sha256" {
		sum := sha256.Sum256(message)
		digest = sum[:]
	}
	f.Signature = k.sign(append([]byte("SSHSIG"), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{f.Namespace, f.Reserved, f.Hash, digest})...))
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append([]byte("SSHSIG"), ssh.Marshal(f)...)})
}

type fields struct {
	Version                   uint32
	PublicKey                 []byte
	Namespace, Reserved, Hash string
	Signature                 []byte
}

func request() *Request {
	return &Request{Repository: "ca.example", Log: "ca.example/master", Size: 42, Made: noon,
		Expires: noon.AddDate(0, 0, 7),
		Act: Act{Withdraw,
			[]Param{{"name", "docs/cps-1.0.pdf"}, {"sha256", strings.Repeat("ab", 32)},
				{"reason", "版の誤り, wrong version"}}}}
}

func newRule(t *testing.T, quorum int, people ...Person) *Rule {
	t.Helper()
	r, err := NewRule("ca.example", "ca.example/master", quorum, []string{Withdraw}, people)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestForgeries: every way in which papers can be less than the approval of two people for this act, and why it is
// refused.
func TestForgeries(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	_, secret, _ := ed25519.GenerateKey(rand.Reader)
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	touched, untouched := fido(t, secret, 1), fido(t, secret, 4) // 4: the PIN was given, the device not touched
	ecTouched, ecUntouched := fido(t, elliptical, 1), fido(t, elliptical, 0)
	rule := newRule(t, 2, Person{"hanako", a.public}, Person{"jiro", b.public}, Person{"saburo", touched.public},
		Person{"shiro", ecTouched.public})
	text := request().Text()
	good := func() [][]byte { return [][]byte{a.armour(text, nil), b.armour(text, nil)} }
	changed := func(edit func(*Request)) []byte {
		q := request()
		edit(q)
		return q.Text()
	}
	second := func(s []byte) [][]byte { return [][]byte{a.armour(text, nil), s} }
	whole := b.armour(text, nil)
	block, _ := pem.Decode(whole)
	block.Bytes = append(block.Bytes, 0)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ssh.NewSignerFromSigner(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	sha1 := signing{weak.PublicKey(), func(m []byte) []byte {
		s, err := weak.Sign(rand.Reader, m) // ssh-rsa: SHA-1
		if err != nil {
			t.Fatal(err)
		}
		return ssh.Marshal(s)
	}, rsaKey}
	withRSA := newRule(t, 2, Person{"hanako", a.public}, Person{"rsa", weak.PublicKey()})
	for name, f := range map[string]struct {
		request    []byte // that is handed over instead of the one that was signed
		approved   []byte // that both have signed instead
		signatures [][]byte
		now        time.Time
		rule       *Rule
		want       string
	}{
		"good":                   {},
		"good, FIDO Ed25519":     {signatures: second(touched.armour(text, nil))},
		"good, FIDO ECDSA":       {signatures: second(ecTouched.armour(text, nil))},
		"good, sha256":           {signatures: second(b.armour(text, func(f *fields) { f.Hash = "sha256" }))},
		"good, RSA with SHA-512": {signatures: second(plain(t, rsaKey).armour(text, nil)), rule: withRSA},
		"expired":                {now: noon.AddDate(0, 0, 7), want: "expired at 2026-12-06"},
		"future-dated":           {now: noon.Add(-time.Hour), want: "which is in the future"},
		"good for a year": {approved: changed(func(q *Request) { q.Expires = noon.AddDate(1, 0, 0) }),
			want: "at most 30 days"},
		"other request": {request: changed(func(q *Request) { q.Size = 43 }), want: "it does not verify"},
		"other repository": {approved: changed(func(q *Request) { q.Repository = "other.example" }),
			want: "it is for repository"},
		"other log": {approved: changed(func(q *Request) { q.Log = "ca.example/other" }),
			want: "it is for the log"},
		"other kind": {approved: changed(func(q *Request) { q.Kind = FinalCRL }),
			want: "it is for final-crl, this is withdraw"},
		"altered parameter": {approved: changed(func(q *Request) { q.Params[0].Value = "docs/cps-1.1.pdf" }),
			want: `it says "name docs/cps-1.1.pdf"`},
		"altered file behind it": {approved: changed(func(q *Request) {
			q.Params[1].Value = strings.Repeat("cd",
				32)
		}), want: `it says "sha256 cdcd`},
		"a parameter more": {approved: changed(func(q *Request) {
			q.Params = append(q.Params,
				Param{"x", "y"})
		}), want: `it says "x y"`},
		"a parameter less": {approved: changed(func(q *Request) { q.Params = q.Params[:2] }),
			want: `it says ""`},
		"wrong namespace": {signatures: second(b.armour(text, func(f *fields) { f.Namespace = "git" })),
			want: `is for "git"`},
		"unknown key": {signatures: second(c.armour(text, nil)),
			want: "a key that the rule does not have"},
		"another's key claimed": {signatures: second(c.armour(text,
			func(f *fields) { f.PublicKey = b.public.Marshal() })),
			want: "it claims to be of jiro: it does not verify"},
		"one key twice": {signatures: second(a.armour(text, func(f *fields) { f.Hash = "sha256" })),
			want: "hanako has approved already"},
		"one of two": {signatures: good()[:1], want: "1 of the 2 people approved"},
		"nobody":     {signatures: [][]byte{}, want: "0 of the 2 people approved"},
		"FIDO without touch": {signatures: second(untouched.armour(text, nil)),
			want: "nobody touched the FIDO key"},
		"FIDO ECDSA without touch": {signatures: second(ecUntouched.armour(text, nil)),
			want: "nobody touched the FIDO key"},
		"other hash": {signatures: second(b.armour(text, func(f *fields) { f.Hash = "sha1" })),
			want: `hash "sha1"`},
		"RSA with SHA-1": {signatures: second(sha1.armour(text, nil)), rule: withRSA, want: "too weak"},
		"signature over other text": {signatures: second(b.armour(append(text, '\n'), nil)),
			want: "it does not verify"},
		"version": {signatures: second(b.armour(text, func(f *fields) { f.Version = 2 })),
			want: "version 2"},
		"data behind the blob": {signatures: second(pem.EncodeToMemory(block)), want: "parsing the SSH signature"},
		"data behind the armour": {signatures: second(append(bytes.Clone(whole), "x\n"...)),
			want: "something behind the SSH signature"},
		"data before the armour": {signatures: second(append([]byte("x\n"), whole...)),
			want: "not an SSH signature"},
		"truncated signature": {signatures: second(whole[:len(whole)-30]), want: "not an SSH signature"},
		"truncated request":   {request: text[:len(text)-1], want: "no whole file"},
		"two requests": {request: append(bytes.Clone(text), text...),
			want: "want a hyphen, a name and a value"},
		"CRLF": {request: bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")),
			want: "no whole file"},
		"a blank line": {request: append(bytes.Clone(text), '\n'), want: "want a hyphen"},
		"another spelling": {request: bytes.Replace(text, []byte("size 42"), []byte("size +42"), 1),
			want: "canonical form"},
		"hidden character": {approved: changed(func(q *Request) { q.Params[2].Value = "wrong \u202eversion" }),
			want: "cannot be seen"},
		"none": {request: []byte{}, want: "no whole file"},
		"removed key": {rule: newRule(t, 1, Person{"jiro", b.public}),
			want: "a key that the rule does not have"},
	} {
		p := Papers{text, good()}
		now, held := noon.Add(time.Hour), rule
		if f.signatures != nil {
			p.Signatures = f.signatures
		}
		if !f.now.IsZero() {
			now = f.now
		}
		if f.rule != nil {
			held = f.rule
		}
		if f.request != nil {
			p.Request = f.request
		}
		if f.approved != nil {
			p = Papers{f.approved, [][]byte{a.armour(f.approved, nil), b.armour(f.approved, nil)}}
		}
		got := ""
		q, _, err := p.Check(held)
		if err == nil {
			err = q.Timely(now)
		}
		if err == nil {
			got = q.Differs("ca.example", "ca.example/master", request().Act)
		} else {
			got = err.Error()
		}
		if !strings.Contains(got, f.want) || (f.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", name, got, f.want)
		}
	}
}

// TestDocument: what is recorded is read back, also when a value looks like a signature.
func TestDocument(t *testing.T) {
	a, b := newKey(t), newKey(t)
	q := request()
	q.Params[2].Value = "-----BEGIN SSH SIGNATURE-----"
	var p Papers
	crlf := bytes.ReplaceAll(b.armour(q.Text(), nil), []byte("\n"), []byte("\r\n"))
	for _, file := range [][]byte{a.armour(q.Text(), nil), q.Text(), crlf} {
		if err := p.Add("file", file); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Add("again", q.Text()); err == nil {
		t.Error("a second request is taken")
	}
	if err := p.Add("other", []byte("hello")); err == nil {
		t.Error("what is neither is taken")
	}
	back, err := ParseDocument(p.Document())
	if err != nil {
		t.Fatal(err)
	}
	rule := newRule(t, 2, Person{"hanako", a.public}, Person{"jiro", b.public})
	if _, who, err := back.Check(rule); err != nil || !slices.Equal(who, []string{"hanako", "jiro"}) {
		t.Errorf("approved by %v: %v", who, err)
	}
	if _, err := ParseDocument(q.Text()); err == nil {
		t.Error("a request alone is an approval")
	}
}

// TestRule: a rule is read back as it was written, and nobody can have a rule that nobody or one alone could meet.
func TestRule(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	rule := newRule(t, 2, Person{"jiro", b.public}, Person{"hanako", a.public}, Person{"hanako", c.public})
	back, err := ParseRule(rule.Text())
	if err != nil || !bytes.Equal(back.Text(), rule.Text()) {
		t.Fatalf("%v\n%s", err, rule.Text())
	}
	if _, err := ParseRule(append(rule.Text(), '\n')); err == nil {
		t.Error("trailing data is read")
	}
	empty, err := NewRule("ca.example", "ca.example/master", 0, nil, nil)
	if err != nil || empty.Demands(Withdraw) || empty.Demands(ChangeRule) || !rule.Demands(Withdraw) ||
		!rule.Demands(ChangeRule) || rule.Demands(FinalCRL) {
		t.Errorf("what rules demand: %v", err)
	}
	if back, err := ParseRule(empty.Text()); err != nil || !back.Empty() {
		t.Errorf("the empty rule is not read: %v", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(a.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	again, err := sshsig.ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	if err != nil {
		t.Fatal(err)
	}
	two := []Person{{"hanako", a.public}, {"jiro", b.public}}
	for name, c := range map[string]struct {
		quorum int
		kinds  []string
		people []Person
	}{
		"quorum above the people":      {3, []string{Withdraw}, two},
		"quorum above different names": {2, []string{Withdraw}, []Person{{"hanako", a.public}, {"hanako", b.public}}},
		"quorum 0":                     {0, []string{Withdraw}, two},
		"negative quorum":              {-1, []string{Withdraw}, two},
		"for nothing":                  {2, nil, two},
		"nobody":                       {1, []string{Withdraw}, nil},
		"one key in two encodings":     {2, []string{Withdraw}, []Person{{"hanako", a.public}, {"jiro", again}}},
		"unknown kind":                 {2, []string{"sing"}, two},
		"kind twice":                   {2, []string{Withdraw, Withdraw}, two},
		"the rule's own kind":          {2, []string{ChangeRule}, two},
		"a name that is none":          {2, []string{Withdraw}, []Person{{"Hanako\n", a.public}, {"jiro", b.public}}},
	} {
		if _, err := NewRule("ca.example", "ca.example/master", c.quorum, c.kinds, c.people); err == nil {
			t.Errorf("%s is a rule", name)
		}
	}
}

// TestWeaker: every change by which fewer, or others, could approve.
func TestWeaker(t *testing.T) {
	a, b, c := Person{"hanako", newKey(t).public}, Person{"jiro", newKey(t).public}, Person{"saburo", newKey(t).public}
	make := func(quorum int, kinds []string, people ...Person) *Rule {
		r, err := NewRule("ca.example", "ca.example/master", quorum, kinds, people)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	old := make(2, []string{FinalCRL, Withdraw}, a, b)
	for name, next := range map[string]*Rule{
		"lower quorum":   make(1, []string{FinalCRL, Withdraw}, a, b),
		"a kind less":    make(2, []string{Withdraw}, a, b),
		"another kind":   make(2, []string{IssueCA, Withdraw}, a, b),
		"a key more":     make(2, []string{FinalCRL, Withdraw}, a, b, c),
		"another key":    make(2, []string{FinalCRL, Withdraw}, a, c),
		"another name":   make(2, []string{FinalCRL, Withdraw}, a, Person{"shiro", b.Key}),
		"none":           make(0, nil),
		"higher, others": make(3, []string{FinalCRL, Withdraw}, a, b, c),
	} {
		if old.Weaker(next) == "" {
			t.Errorf("%s is not weaker", name)
		}
	}
	strict := make(2, []string{FinalCRL, IssueCA, Withdraw}, b, a)
	if why := old.Weaker(strict); why != "" {
		t.Errorf("more kinds: %s", why)
	}
	if why := make(0, nil).Weaker(old); why != "" {
		t.Errorf("the first rule: %s", why)
	}
	if why := make(1, []string{Withdraw}, a, b).Weaker(make(2, []string{Withdraw}, a, b)); why != "" {
		t.Errorf("a higher quorum: %s", why)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(request().Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := ParseRequest(b); err == nil && !bytes.Equal(q.Text(), b) {
			t.Fatalf("read what is not canonical: %q", b)
		}
	})
}
