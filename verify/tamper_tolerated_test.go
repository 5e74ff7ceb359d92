package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"seihon/ledger"
	"seihon/ledger/witness"
	"seihon/ocspcache"
	"seihon/verify"
	"seihon/verify/report"
)

// toleratedTampers are about what a format lets anybody add without a reader's notice. Each addition is counted and
// shown, and none fails the check: it proves nothing, in either direction. What a format does not tolerate is in the
// other tables.
func toleratedTampers() []tamper {
	on := func(name string, want []string, do func(r *repo, c *verify.Config)) tamper {
		return tamper{name: "tolerated: " + name, want: want, only: true, passes: true,
			do: func(_ *testing.T, r *repo, c *verify.Config) { do(r, c) }}
	}
	stranger := func(r *repo, name string) string { return newCosigner(name).sign(r.writer.Log().Checkpoint(), r.now) }
	head := func(r *repo, b []byte) { // in both places where the master has it
		write(r.master(), "log/checkpoint", b)
		write(r.master(), fmt.Sprintf("log/checkpoints/%d", r.writer.Log().Size()), b)
	}
	published := func(r *repo) (*ledger.Writer, string) {
		const name = "publication.example/log"
		dir := filepath.Join(r.dir, "publication")
		w := must(ledger.Create(context.Background(), dir,
			ledger.WriterConfig{Origin: name, Signers: []note.Signer{must(ledger.NewNoteSigner(name, newKey()))},
				Now: r.clock}))
		r.sent(w, "public")
		_ = must(w.Commit(context.Background()))
		return w, dir
	}
	publication := func(name string, want []string, do func(r *repo, c *verify.Config, dir string)) tamper {
		return on("publication log: "+name, want, func(r *repo, c *verify.Config) {
			w, dir := published(r)
			c.Publication, c.PublicationVerifier = dir, must(ledger.NewVerifier(w.Log().Origin(), w.Log().Keys()...))
			check(w.Close())
			do(r, c, dir)
		})
	}
	return []tamper{
		on("signatures of strangers", []string{"checkpoint-strangers@log/checkpoint#2 signatures"},
			func(r *repo, c *verify.Config) {
				head(r,
					append(bytes.Clone(r.writer.Log().Checkpoint()),
						stranger(r, "one.example")+stranger(r, "two.example")...))
			}),
		on("a witness that is pinned is no stranger", nil, func(r *repo, c *verify.Config) {
			one := newCosigner("one.example")
			c.Witnesses = []*witness.Key{one.pinned()}
			head(r, append(bytes.Clone(r.writer.Log().Checkpoint()), one.sign(r.writer.Log().Checkpoint(), r.now)...))
		}),
		on("signatures of strangers on archived checkpoints",
			[]string{"checkpoint-strangers@log/checkpoints/0#3 signatures on 2 checkpoints"},
			func(r *repo, _ *verify.Config) {
				for i, add := range []string{stranger(r, "one.example"),
					stranger(r, "two.example") + stranger(r, "three.example")} {
					name := fmt.Sprintf("log/checkpoints/%d", i)
					write(r.master(), name, append(read(r.master(), name), add...))
				}
			}),
		on("signatures of strangers on a public checkpoint",
			[]string{"checkpoint-strangers@log/checkpoint#1 signatures"}, func(r *repo, _ *verify.Config) {
				write(r.public(), "log/checkpoint",
					append(read(r.public(), "log/checkpoint"), stranger(r, "one.example")...))
			}),
		on("signatures of strangers on the checkpoint of one of two places, without a master",
			[]string{"checkpoint-strangers@log/checkpoint#1 signatures"}, func(r *repo, c *verify.Config) {
				c.Master, c.Tier = "", report.TierLog
				dir := filepath.Join(r.dir, "other")
				copyTree(r.public(), dir)
				write(dir, "log/checkpoint", append(read(dir, "log/checkpoint"), stranger(r, "one.example")...))
				c.Copies = append(c.Copies, verify.Copy{Source: must(verify.Dir(dir))})
			}),
		on("signatures of strangers in the proof of a generation",
			[]string{"checkpoint-strangers@ocsp/sub.generation#1 signatures"}, func(r *repo, _ *verify.Config) {
				write(r.public(), "ocsp/sub.generation",
					append(read(r.public(), "ocsp/sub.generation"), stranger(r, "one.example")...))
			}),
		on("signatures of strangers on the auditor's last checkpoint",
			[]string{"checkpoint-strangers@known checkpoint 1#1 signatures"}, func(r *repo, c *verify.Config) {
				c.Known = [][]byte{append(bytes.Clone(r.writer.Log().Checkpoint()), stranger(r, "one.example")...)}
			}),
		on("a key signs twice", []string{"tolerated@log/checkpoint#1 further signatures"},
			func(r *repo, _ *verify.Config) {
				b := r.writer.Log().Checkpoint()
				lines := strings.SplitAfter(string(b), "\n")
				head(r, append(bytes.Clone(b), lines[len(lines)-2]...))
			}),
		on("a key signs twice on two public checkpoints",
			[]string{"tolerated@log/checkpoint#1 further signatures", "tolerated@log/checkpoint#1 further signatures"},
			func(r *repo, c *verify.Config) {
				lines := strings.SplitAfter(string(r.writer.Log().Checkpoint()), "\n")
				dir := filepath.Join(r.dir, "other")
				copyTree(r.public(), dir)
				c.Copies = append(c.Copies, verify.Copy{Source: must(verify.Dir(dir))})
				for _, d := range []string{dir, r.public()} {
					write(d, "log/checkpoint", append(read(d, "log/checkpoint"), lines[len(lines)-2]...))
				}
			}),
		on("lines of text behind the root hash", []string{"tolerated@log/checkpoint#2 lines of text"},
			func(r *repo, _ *verify.Config) {
				text, _, _ := cutNote(r.writer.Log().Checkpoint())
				head(r, must(note.Sign(&note.Note{Text: string(text) + "one\ntwo\n"}, r.signers()...)))
			}),
		publication("signatures of strangers", []string{"checkpoint-strangers@log/checkpoint#1 signatures"},
			func(r *repo, _ *verify.Config, dir string) {
				write(dir, "log/checkpoint", append(read(dir, "log/checkpoint"), stranger(r, "one.example")...))
			}),
		publication("signatures of strangers on the archived checkpoint",
			[]string{"checkpoint-strangers@log/checkpoints/0#1 signatures"},
			func(r *repo, _ *verify.Config, dir string) {
				write(dir, "log/checkpoints/0", append(read(dir, "log/checkpoints/0"), stranger(r, "one.example")...))
			}),
		publication("signatures of strangers on the auditor's last checkpoint",
			[]string{"checkpoint-strangers@known checkpoint 1#1 signatures"},
			func(r *repo, c *verify.Config, dir string) {
				c.PublicationKnown = [][]byte{append(must(os.ReadFile(filepath.Join(dir, "log/checkpoint"))),
					stranger(r, "one.example")...)}
			}),
		on("text around a pinned certificate", []string{"tolerated@ca/root.pem#120 bytes"},
			func(_ *repo, c *verify.Config) {
				c.Tolerated = []verify.Tolerated{{Name: "ca/root.pem", Detail: fmt.Sprintf(verify.TextAroundPEM, 120)}}
			}),
		{name: "tolerated: not another spelling of a cosignature", want: []string{"witness-quorum#0 of the 1"},
			only: true, do: func(_ *testing.T, r *repo, c *verify.Config) {
				one := newCosigner("one.example")
				c.Witnesses = []*witness.Key{one.pinned()}
				line := one.sign(r.writer.Log().Checkpoint(), r.now)
				at := len(line) - len("==\n") - 1 // four bits of the last letter are padding
				head(r, append(bytes.Clone(r.writer.Log().Checkpoint()), line[:at]+string(line[at]+1)+line[at+1:]...))
			}},
		{name: "tolerated: not a byte behind a proof", want: []string{"generation-proof@ocsp/sub.generation"},
			only: true, do: func(_ *testing.T, r *repo, _ *verify.Config) {
				write(r.public(), "ocsp/sub.generation", append(read(r.public(), "ocsp/sub.generation"), '\n'))
			}},
		{name: "tolerated: not a line before a proof", want: []string{"generation-proof@ocsp/sub.generation"},
			only: true, do: func(_ *testing.T, r *repo, _ *verify.Config) {
				g, proof, err := ocspcache.ParseGeneration(read(r.public(), "ocsp/sub.generation"))
				check(err)
				write(r.public(), "ocsp/sub.generation", g.Public(append([]byte("a comment\n"), proof...)))
			}},
	}
}
