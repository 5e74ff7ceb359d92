package room_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/accept"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/durable"
	"seihon/internal/inputtest"
	"seihon/inventory"
	"seihon/public"
)

// A CA that keeps its own software: its key is in the tests alone, the room has the log's and that of its OCSP signer.
const keptYAML = `version: 1
repository: {name: room.example, base_url: "http://room.example"}
master: {directory: master, keys: [keys/log.vkey]}
trust: {anchors: [kept.der]}
signer: {module: none, token: none, policy: trial, pin: {file: pin}, inventory: inventory.db, log_keys: [log]}
issuers:
  - name: kept
    signed_by: external
    crl: {validity: 3d, refresh: 1d, history: true}
    ocsp: {validity: 1d, refresh: 12h, certid: sha256, responder: {validity: 30d, key: {algorithm: p256}}}
accept: {directory: incoming}
`

type keptRoom struct {
	*testRoom
	ca *inputtest.CA
}

// newKeptRoom makes a room that has the CA's certificate and a certificate for its OCSP signer.
func newKeptRoom(t testing.TB) *keptRoom {
	t.Helper()
	return newKeptRoomOf(t, keptYAML)
}

func newKeptRoomOf(t testing.TB, yaml string) *keptRoom {
	t.Helper()
	ca, dir := inputtest.NewCA("kept"), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "kept.der"), ca.Cert.Raw, 0o644),
		os.Mkdir(filepath.Join(dir, "incoming"), 0o755))
	k := &keptRoom{newTestRoomOf(t, dir, yaml, "kept-ocsp"), ca}
	k.now = inputtest.Now
	inputs := []accept.Input{inputOf("ca", ca.Cert.Raw)}
	if strings.Contains(yaml, "responder") {
		inputs = append(inputs, inputOf("ocsp", ca.Responder(k.keys["kept-ocsp"].Public())))
	}
	must(t, k.do(t, func(r *room.Room) error {
		res, err := accept.Inputs(t.Context(), r, inputs)
		return errors.Join(err, res.Err())
	}))
	return k
}

func inputOf(name string, raw []byte) accept.Input {
	return accept.Input{Name: name, Read: func() ([]byte, error) { return raw, nil }}
}

// drop puts a file into the folder, as one that nobody has touched for a while.
func (k *keptRoom) drop(t testing.TB, name string, raw []byte) {
	t.Helper()
	file := filepath.Join(k.dir, "incoming", name)
	must(t, os.WriteFile(file, raw, 0o644), os.Chtimes(file, k.now.Add(-time.Hour), k.now.Add(-time.Hour)))
}

func number(n byte) []byte { return inputtest.Integer([]byte{n}) }

// listed is a list with that number and those serials.
func (k *keptRoom) listed(n byte, serials ...byte) []byte {
	l := inputtest.List{Number: number(n)}
	for _, s := range serials {
		l.Entries = append(l.Entries, inputtest.Entry{Serial: number(s)})
	}
	return k.ca.List(l)
}

// empty takes what is in the folder.
func (k *keptRoom) empty(t testing.TB) (res *accept.Emptied, err error) {
	err = k.do(t, func(r *room.Room) (err error) {
		res, err = accept.Empty(t.Context(), r, accept.DropFolder(r, r.Config.Accept))
		return err
	})
	return res, err
}

// TestAcceptRefuses hands over what must not come in: each is refused with a sentence that says why, and the list
// beside them is taken.
func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	k.drop(t, "first.crl", k.listed(5, 0x10, 0x11))
	if res, err := k.empty(t); err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	stranger, good := inputtest.NewCA("stranger"), k.listed(7, 0x10, 0x11, 0x12)
	namesake := inputtest.Namesake(k.ca, "other")
	critical := inputtest.Extension([]byte{6, 3, 42, 3, 4}, true, []byte{5, 0})
	wrong := map[string]struct {
		raw []byte
		why string
	}{
		"namesake.crl":    {namesake.List(inputtest.List{}), "signature by"},
		"stranger.crl":    {stranger.List(inputtest.List{}), "is not a trusted CA"},
		"older.crl":       {k.listed(4, 0x10, 0x11), "does not follow 5"},
		"same-number.crl": {k.listed(5, 0x10, 0x11, 0x12), "used one number twice"},
		"critical.crl":    {k.ca.List(inputtest.List{Extensions: [][]byte{critical}}), "is not understood"},
		"truncated.crl":   {good[:len(good)-9], "it is not taken"},
		"two.crl":         {append(bytes.Clone(good), good...), "follow the first object"},
		"empty":           {nil, "it is empty"},
		"key.pem":         {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), ""},
		"forgets.crl":     {k.listed(6, 0x10), `serial 11 is "revoked`},
		"odd-serial.crl": {k.ca.List(inputtest.List{Number: number(8),
			Entries: []inputtest.Entry{{Serial: number(0)}, {}, {Serial: number(0x11)}}}), "trust.misissued"},
		"stale.crl": {k.ca.List(inputtest.List{Number: number(8), Next: inputtest.Time(k.now.Add(-time.Minute))}),
			"has passed"},
		"stranger.cer": {stranger.Certificate(inputtest.Certificate{}), "which is no issuer of the configuration"},
		"other-ca.cer": {stranger.Cert.Raw, "no issuer of the configuration"},
		"other-scope.crl": {k.ca.List(inputtest.List{Number: number(9), Extensions: [][]byte{inputtest.OnlyUser()}}),
			"its scope is not that"},
		"authorities.crl": {k.ca.List(inputtest.List{Number: number(9), Extensions: [][]byte{inputtest.OnlyCA()}}),
			"add arl"},
		"no-usage.cer": {k.ca.Certificate(inputtest.Certificate{SPKI: spkiOf(t, k), Serial: number(0x71)}),
			"id-kp-OCSPSigning"},
		"long-past-ocsp": {k.ca.ResponderUntil(k.keys["kept-ocsp"].Public(), k.now.Add(-time.Minute)),
			"it expired at"},
		"room-signs.ocsp": {k.ca.Response(inputtest.Response{Singles: []inputtest.Single{{}}}),
			"are signed in this room"},
	}
	for name, w := range wrong {
		k.drop(t, name, w.raw)
	}
	k.drop(t, "good.crl", good)
	k.drop(t, ".hidden", good)
	k.drop(t, "under-way.part", good)
	res, err := k.empty(t)
	must(t, err)
	for _, v := range res.Verdicts {
		w, bad := wrong[v.Input]
		if bad != (v.Refused != "") || !strings.Contains(v.Refused, w.why) {
			t.Errorf("%s: %s; want %q", v.Input, v.String(), w.why)
		}
	}
	if len(res.Verdicts) != len(wrong)+1 {
		t.Errorf("%d verdicts, want %d", len(res.Verdicts), len(wrong)+1)
	}
	reasons, err := filepath.Glob(filepath.Join(k.dir, "incoming/refused/*.reason"))
	if must(t, err); len(reasons) != len(wrong) {
		t.Errorf("%d reasons, want %d", len(reasons), len(wrong))
	}
	k.checkList(t, good)
	if left, _, err := accept.DropFolder(&room.Room{Now: time.Now}, k.room(t).Config.Accept).Look(); err != nil ||
		len(left) != 0 {
		t.Errorf("left in the folder: %v %v", left, err)
	}
}

// checkList wants the current list to be that one, and the inventory to say the same.
func (k *keptRoom) checkList(t testing.TB, want []byte) {
	t.Helper()
	must(t, k.do(t, func(r *room.Room) error {
		state, err := r.LogState(t.Context())
		if err != nil {
			return err
		}
		if line, _ := state.Get(public.List("kept", artifact.CRL)); line.Digest != artifact.Sum(want) {
			t.Errorf("the current list is %s, number %s", line.Digest, line.Number)
		}
		l, err := artifact.ParseRevocationList(want)
		if err != nil {
			return err
		}
		for e, err := range l.Entries() {
			row, lookup := r.Inventory.Get(t.Context(), "kept", e.Serial)
			if err = errors.Join(err, lookup); err != nil {
				return err
			}
			if row.State != inventory.Revoked || !row.Revocation.Time.Equal(e.Time) {
				t.Errorf("serial %x is %v in the inventory", e.Serial, row.State)
			}
		}
		return nil
	}))
}

func spkiOf(t testing.TB, k *keptRoom) []byte {
	der, err := room.ReadPublicKey(filepath.Join(k.dir, "keys/kept-ocsp.pub.pem"))
	must(t, err)
	return der
}

// TestHoldsEnd takes a hold, its end in the next list, and the answers that follow.
func TestHoldsEnd(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	hold := inputtest.Entry{Serial: number(0x20), Extensions: inputtest.Reason(6)}
	k.drop(t,
		"1.crl", k.ca.List(inputtest.List{Number: number(1), Entries: []inputtest.Entry{hold, {Serial: number(0x10)}}}))
	k.drop(t, "2.crl", k.listed(2, 0x10))
	res, err := k.empty(t)
	must(t, err, res.Err())
	must(t, k.do(t, func(r *room.Room) error {
		e, err := r.Inventory.Get(t.Context(), "kept", []byte{0x20})
		if err == nil && e.State != inventory.Issued {
			t.Errorf("the certificate on hold is %v after its release", e.State)
		}
		_, rerr := schedule.Run(t.Context(), r, schedule.Force{})
		return errors.Join(err, rerr)
	}))
}

// A stale list stops the answers that are made from it, and no answer holds longer than the list.
func TestStaleListStopsAnswers(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	run := func() (n int, err error) {
		err = k.do(t, func(r *room.Room) error {
			res, err := schedule.Run(t.Context(), r, schedule.Force{})
			n = res.Responses
			return err
		})
		return n, err
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "no crl/kept.crl was taken in yet") {
		t.Fatalf("answers without a list: %v", err)
	}
	k.drop(t, "1.crl", k.listed(1, 0x10)) // holds for three days
	if n, err := run(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	k.now = k.now.Add(70 * time.Hour)
	if n, err := run(); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	must(t, k.do(t, func(r *room.Room) error {
		e, err := r.Inventory.Get(t.Context(), "kept", []byte{0x10})
		if err == nil && e.NextUpdate.After(inputtest.Now.Add(72*time.Hour)) {
			t.Errorf("an answer holds until %s, its list until %s", e.NextUpdate, inputtest.Now.Add(72*time.Hour))
		}
		return err
	}))
	if n, err := run(); err != nil || n != 0 {
		t.Errorf("%d answers signed again up to the same end: %v", n, err)
	}
	k.now = k.now.Add(3 * time.Hour)
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "crl/kept.crl number 1 expired at") {
		t.Errorf("answers from a stale list: %v", err)
	}
}

// A faultyFS fails at its n-th step, before or after the effect.
type faultyFS struct {
	durable.FS
	at    int
	after bool
}

func (f *faultyFS) step(do func() error) error {
	f.at--
	if f.at == 0 && !f.after {
		return errFault
	}
	if err := do(); err != nil {
		return err
	}
	if f.at == 0 {
		return errFault
	}
	return nil
}

func (f *faultyFS) Mkdir(name string) error { return f.step(func() error { return f.FS.Mkdir(name) }) }
func (f *faultyFS) Rename(a, b string) error {
	return f.step(func() error { return f.FS.Rename(a, b) })
}
func (f *faultyFS) SyncDir(name string) error {
	return f.step(func() error { return f.FS.SyncDir(name) })
}
func (f *faultyFS) Create(name string) (out durable.File, err error) {
	err = f.step(func() (err error) { out, err = f.FS.Create(name); return err })
	return out, err
}

// TestAcceptFaults lets each step of taking in a list and a certificate fail, and empties the folder again: nothing is
// lost, and nothing comes twice.
func TestAcceptFaults(t *testing.T) {
	t.Parallel()
	type fault struct {
		name, trigger string
		sign          int64
		fs            int
		after         bool
	}
	faults := []fault{
		{name: "at the import", trigger: `BEFORE INSERT ON imports`},
		{name: "in the import", trigger: `BEFORE INSERT ON certificates WHEN NEW.serial = x'12'`},
		{name: "at the history", trigger: `BEFORE INSERT ON artifacts`},
		{name: "at its second line", trigger: `BEFORE INSERT ON artifacts WHEN NEW.scope = 'history'`},
		{name: "at the checkpoint", sign: 1}, {name: "at marking", trigger: `BEFORE UPDATE OF committed ON artifacts`},
		{name: "at marking the rows",
			trigger: `BEFORE UPDATE OF recorded ON certificates WHEN NEW.recorded = 1 AND NEW.serial = x'12'`},
	}
	for n := 1; n <= 8; n++ {
		faults = append(faults, fault{name: fmt.Sprintf("before step %d of the folder", n), fs: n},
			fault{name: fmt.Sprintf("after step %d of the folder", n), fs: n, after: true})
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			k := newKeptRoom(t)
			cert, list := k.ca.Certificate(inputtest.Certificate{Serial: number(0x12)}), k.listed(5, 0x10, 0x11)
			k.drop(t, "list", list)
			k.drop(t, "cert", cert)
			k.drop(t, "bad", list[:30])
			good := k.keys["log"]
			key := &faultyKey{Signer: good, fault: func() error { return errFault }}
			key.at.Store(f.sign)
			k.keys["log"] = key
			if f.trigger != "" {
				execSQL(t, filepath.Join(k.dir, "inventory.db"),
					`CREATE TRIGGER fault `+f.trigger+` BEGIN SELECT RAISE(ABORT, 'the fault of this test'); END`)
			}
			err := k.do(t, func(r *room.Room) error {
				folder := accept.DropFolder(r, r.Config.Accept)
				folder.FS = &faultyFS{FS: durable.OS{}, at: f.fs, after: f.after}
				res, err := accept.Empty(t.Context(), r, folder)
				if err == nil {
					for _, v := range res.Verdicts {
						if v.Failed != "" {
							err = errors.New(v.Failed)
						}
					}
				}
				return err
			})
			if err == nil {
				t.Error("nothing failed")
			}
			k.keys["log"] = good
			if f.trigger != "" {
				execSQL(t, filepath.Join(k.dir, "inventory.db"), `DROP TRIGGER fault`)
			}
			_, err = k.empty(t)
			must(t, err)
			k.checkList(t, list)
			k.checkFolder(t)
			must(t, k.do(t, func(r *room.Room) error {
				e, err := r.Inventory.Get(t.Context(), "kept", []byte{0x12})
				if err == nil && !bytes.Equal(e.DER, cert) {
					t.Error("the certificate is not in the inventory")
				}
				return err
			}))
		})
	}
}

// checkFolder wants three inputs to have ended where they belong.
func (k *keptRoom) checkFolder(t testing.TB) {
	t.Helper()
	for pattern, want := range map[string]int{"*": 2, "accepted/*-list": 1, "accepted/*-cert": 1, "refused/*-bad": 1,
		"accepted/*.reason": 2, "refused/*.reason": 1} {
		found, err := filepath.Glob(filepath.Join(k.dir, "incoming", pattern))
		if must(t, err); len(found) != want {
			t.Errorf("%s: %v", pattern, found)
		}
	}
}

// TestAgain: an input that is here already changes nothing.
func TestAgain(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	sizes := map[string]int64{}
	run := func(what string) {
		k.drop(t, what, k.listed(1, 0x10))
		must(t, k.do(t, func(r *room.Room) error {
			res, err := schedule.Run(t.Context(), r, schedule.Force{})
			if err == nil {
				sizes[what] = res.Size
			}
			return err
		}))
	}
	for _, what := range []string{"first", "second", "third"} {
		run(what)
	}
	if sizes["second"] != sizes["first"] || sizes["third"] != sizes["first"] {
		t.Errorf("sizes %v", sizes)
	}
}

// TestAcceptOneWrongCertificate: certificates are imported together, and one that the inventory refuses holds no other
// up.
func TestAcceptOneWrongCertificate(t *testing.T) {
	t.Parallel()
	k := newKeptRoom(t)
	epoch := inputtest.Time(time.Unix(0, 0).UTC())
	k.drop(t, "one.cer", k.ca.Certificate(inputtest.Certificate{Serial: number(0x71)}))
	k.drop(t,
		"two.cer", k.ca.Certificate(inputtest.Certificate{Serial: number(0x72), NotBefore: epoch, NotAfter: epoch}))
	k.drop(t, "three.cer", k.ca.Certificate(inputtest.Certificate{Serial: number(0x73)}))
	res, err := k.empty(t)
	must(t, err)
	for _, v := range res.Verdicts {
		wrong := v.Input == "two.cer"
		if wrong != (v.Refused != "") || wrong == strings.Contains(v.Note, "recorded in the private master") ||
			wrong && !strings.Contains(v.Refused, "1970") {
			t.Errorf("%s, note %q", v.String(), v.Note)
		}
	}
	if len(res.Verdicts) != 3 {
		t.Errorf("%d verdicts", len(res.Verdicts))
	}
}
