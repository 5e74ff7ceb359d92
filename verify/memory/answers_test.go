package memory_test

import (
	"crypto"
	"testing"

	"seihon/artifact"
	"seihon/verify/memory"
)

var (
	one  = []crypto.Hash{crypto.SHA1}
	both = []crypto.Hash{crypto.SHA1, crypto.SHA256}
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	good := final.with(status("good"))
	others := row{serial: 6, status: "good"}
	two := func(a, b row) func(*record) {
		return func(r *record) {
			r.answers(1, both, a, others)
			r.answers(1, both, b, others)
		}
	}
	run(t, []tale{
		{"nothing changes", two(final, final), nil},
		{"good becomes revoked", two(good, final), nil},
		{"good after revoked", two(final, good), []string{"memory-answer 5"}},
		{"unknown after revoked", two(final, final.with(status("unknown"))), []string{"memory-answer 5"}},
		{"another date", two(final, final.with(at(0.75))), []string{"memory-changed 5"}},
		{"another reason", two(final, final.with(reason(3))), []string{"memory-changed 5"}},
		{"a hold is released", two(hold, hold.with(status("good"))), nil},
		{"a hold becomes final", two(hold, hold.with(reason(1))), nil},
		{"never issued after all", two(final.with(status("never")), final.with(status("never"))), nil},
		{"never issued becomes good", two(final.with(status("never")), good), []string{"memory-changed 5"}},
		{"never issued becomes revoked", two(final.with(status("never")), final), []string{"memory-changed 5"}},
		{"revoked becomes never issued", two(final, final.with(status("never"))), []string{"memory-changed 5"}},
		{"a revoked response is absent", func(r *record) {
			r.answers(1, one, final, others)
			r.answers(1, one, others)
		}, []string{"memory-answer 5"}},
		{"a good response is absent", func(r *record) {
			r.answers(1, one, final, others)
			r.answers(1, one, final)
		}, nil},
		{"never issued is absent", func(r *record) {
			r.answers(1, one, final.with(status("never")), others)
			r.answers(1, one, others)
		}, nil},
		{"absent after expiry", func(r *record) {
			r.certificate(5, 1.5)
			r.answers(1, one, final, others)
			r.answers(1, one, others)
		}, nil},
		{"absent by a statement of expiry", func(r *record) {
			r.answers(1, one, final, others)
			r.expiry(5, 1.5)
			r.answers(1, one, others)
		}, nil},
		{"good by an override, which knows of no invalidity date", func(r *record) {
			r.answers(1, one, final, others)
			r.permit(r.override, "changed",
				memory.Change{Serial: "05", Was: final.with(invalid(0.1)).String(), Now: "good"})
			r.answers(1, one, good, others)
		}, nil},
		{"one of two algorithms is not answered any more", func(r *record) {
			r.answers(1, both, final, others)
			r.answers(1, one, final, others)
		}, nil},
		{"one of two algorithms says good", func(r *record) {
			r.answers(1, one, final, others)
			r.answers(1, []crypto.Hash{crypto.SHA256}, good, others)
		}, []string{"memory-answer 5"}},
		{"more shards", func(r *record) {
			r.answers(2, both, final, second, others)
			r.answers(3, both, final, second, others)
			r.answers(1, both, final, others)
		}, []string{"memory-answer 90"}},
		{"a shard that did not change", func(r *record) {
			r.answers(2, one, final, second, others)
			last := r.in.Generations[0][0]
			r.answers(2, one, final, second)
			r.in.Generations[0] = append(r.in.Generations[0], last)
		}, nil},
		{"a bundle is missing in between", func(r *record) {
			r.answers(1, one, final, others)
			before := map[artifact.Digest]bool{}
			for d := range r.blobs {
				before[d] = true
			}
			r.answers(1, one, final, others, second)
			for d, b := range r.blobs {
				if string(b[:6]) == "SEIHON" && !before[d] {
					delete(r.blobs, d)
				}
			}
			r.answers(1, one, others)
		}, []string{"memory-answer 5"}},
	})
}
