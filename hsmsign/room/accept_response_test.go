package room_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/hsmsign/schedule"
	"seihon/internal/inputtest"
	"seihon/ocspcache"
	"seihon/public"
)

// presignYAML is a CA that signs its OCSP responses itself.
var presignYAML = strings.Replace(keptYAML, "certid: sha256, responder: {validity: 30d, key: {algorithm: p256}}",
	"signed_by: external, shards: 2", 1)

// TestNoKeysToMake: other software has all keys of such a CA; a name that nobody has is still an error.
func TestNoKeysToMake(t *testing.T) {
	t.Parallel()
	k := newKeptRoomOf(t, presignYAML)
	must(t, k.do(t, func(r *room.Room) error {
		var res room.KeyResult
		if err := r.GenerateKeys(t.Context(), "nobody", &res); err == nil {
			t.Error("the key of a stranger was made")
		}
		return r.GenerateKeys(t.Context(), "", &res)
	}))
}

func (k *keptRoom) answer(serial byte, s inputtest.Single) []byte {
	s.Serial = number(serial)
	return k.ca.Response(inputtest.Response{Singles: []inputtest.Single{s}})
}

// answered returns what the current generation says: by serial, the status and the moment.
func (k *keptRoom) answered(t testing.TB) map[string]string {
	t.Helper()
	said := map[string]string{}
	must(t, k.do(t, func(r *room.Room) error {
		a := r.Authorities["kept"]
		for shard := range a.OCSP.Shards {
			bundles, err := r.CurrentBundles(t.Context(), a, shard)
			if err != nil {
				return err
			}
			for _, b := range bundles {
				for key, der := range b.All() {
					resp, err := artifact.ParseResponse(der)
					must(t, err)
					said[fmt.Sprintf("%x %v", key.Serial, key.Hash)] = fmt.Sprint(resp.Singles[0].Status)
				}
				b.Close()
			}
		}
		return nil
	}))
	return said
}

// TestAcceptResponses takes responses that the CA signed: each must say what its list says, and none goes back.
func TestAcceptResponses(t *testing.T) {
	t.Parallel()
	k := newKeptRoomOf(t, presignYAML)
	at := inputtest.Generalized(inputtest.Now.Add(-48 * time.Hour))
	revoked := inputtest.Single{Status: inputtest.Revoked(at, -1)}
	k.takes(t, k.answer(0x12, inputtest.Single{}), "the inventory has no certificate with serial 12")
	for _, serial := range []byte{0x11, 0x12, 0x13} {
		k.takes(t, k.ca.Certificate(inputtest.Certificate{Serial: number(serial)}), "accepted")
	}
	k.takes(t, k.listed(1, 0x11), "1 entries")
	k.takes(t, k.answer(0x11, inputtest.Single{}), "it does not say revoked, as the CA's list does since 2026-11-26")
	k.takes(t, k.answer(0x12, revoked), "it does not say good, and no list says that it is revoked")
	k.takes(t, k.answer(0x11, inputtest.Single{Status: inputtest.Revoked(at, 1)}), "with reason 1")
	k.takes(t, k.answer(0x11, revoked), "accepted  input: ocsp-response of kept")
	k.takes(t, k.answer(0x12, inputtest.Single{}), "accepted")
	k.takes(t, k.answer(0x12, inputtest.Single{SHA1: true}), "accepted")
	k.takes(t, k.answer(0x12, inputtest.Single{}), "which was here already")
	k.takes(t, k.answer(0x12, inputtest.Single{This: inputtest.Generalized(k.now.Add(-5 * time.Hour))}), "is newer")
	k.takes(t, inputtest.NewCA("stranger").Response(inputtest.Response{Singles: []inputtest.Single{{}}}),
		"names no trusted CA")
	k.takes(t, k.ca.Response(inputtest.Response{Singles: []inputtest.Single{{Serial: number(0x12)},
		{Serial: number(0x13)}}}), "it has 2 answers")
	k.takes(t, k.answer(0x13, inputtest.Single{Next: []byte{}}), "has no nextUpdate")
	want := map[string]string{"11 SHA-256": fmt.Sprint(artifact.StatusRevoked),
		"12 SHA-256": fmt.Sprint(artifact.StatusGood), "12 SHA-1": fmt.Sprint(artifact.StatusGood)}
	if got := k.answered(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the generation says %v, want %v", got, want)
	}
	must(t, k.do(t, func(r *room.Room) error { // nothing is signed for it
		size := r.Log.Log().Size()
		res, err := schedule.Run(t.Context(), r, schedule.Force{NoFolder: true})
		if err == nil && res.Size != size {
			t.Errorf("a run made the log grow: %+v", res)
		}
		return err
	}))
}

// TestAcceptResponseFaults lets each write fail; the same folder ends as it would have without.
func TestAcceptResponseFaults(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"at the claim":      `BEFORE UPDATE OF holder ON shards`,
		"at the bundle":     `BEFORE INSERT ON artifacts WHEN NEW.kind = 'ocsp-bundle'`,
		"at the generation": `BEFORE INSERT ON artifacts WHEN NEW.kind = 'ocsp-generation'`,
		"at marking":        `BEFORE UPDATE OF committed ON artifacts WHEN NEW.kind = 'ocsp-generation'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeptRoomOf(t, presignYAML)
			k.takes(t, k.ca.Certificate(inputtest.Certificate{Serial: number(0x12)}), "accepted")
			k.takes(t, k.listed(1, 0x10), "1 entries")
			k.drop(t, "answer.ors", k.answer(0x12, inputtest.Single{}))
			file := filepath.Join(k.dir, "inventory.db")
			execSQL(t,
				file, `CREATE TRIGGER fault `+trigger+` BEGIN SELECT RAISE(ABORT, 'the fault of this test'); END`)
			if _, err := k.empty(t); err == nil {
				t.Error("nothing failed")
			}
			execSQL(t, file, `DROP TRIGGER fault`)
			res, err := k.empty(t)
			must(t, err, res.Err())
			if got := k.answered(t); len(got) != 1 {
				t.Errorf("the generation says %v", got)
			}
			must(t, k.do(t, func(r *room.Room) error {
				line, _, err := r.Log.Log().Lookup(t.Context(), public.Generation("kept"))
				if err != nil {
					return err
				}
				body, err := r.Log.Log().ReadBlob(t.Context(), line)
				if err != nil {
					return err
				}
				g, _, err := ocspcache.ParseGeneration(body)
				if err == nil && len(g.Bundles) != 2 {
					err = errors.New("the generation does not name both shards")
				}
				return err
			}))
		})
	}
}
