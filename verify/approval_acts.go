package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"seihon/approval"
	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// How an act of each kind looks in the log, and which approval is for it: the parameters that
// hsmsign/room/approval_acts.go writes.

// act looks at an entry that is an act by itself.
func (a *approvals) act(ctx context.Context, e *ledger.Entry) {
	once := func(kind, what string, fits func(*approval.Request) bool) { a.hold(kind, a.where(), "", what, fits) }
	has := func(pairs ...string) func(*approval.Request) bool {
		return func(q *approval.Request) bool {
			for i := 0; i < len(pairs); i += 2 {
				if q.Get(pairs[i]) != pairs[i+1] {
					return false
				}
			}
			return true
		}
	}
	switch {
	case e.Evidence != nil && e.Evidence.Kind == ledger.EvidenceKeys && e.Evidence.Note == keysMade:
		a.keysMade(ctx, e.Evidence)
	case e.Withdraw != nil:
		for _, n := range e.Withdraw.Names {
			if a.kinds[n.Name] != artifact.OCSPBundle { // those a run withdraws when all in them has expired
				once(approval.Withdraw, fmt.Sprintf("withdrawal of %s", n.Name),
					has("name", n.Name, "sha256", n.Digest.String(), "reason", n.Reason))
			}
		}
	case e.KeyRotation != nil:
		once(approval.LogRotate, "new keys of the log", has("act", "rotate", "reason", e.KeyRotation.Reason))
	case e.Freeze != nil:
		once(approval.LogRotate, "end of the log",
			has("act", "freeze", "reason", e.Freeze.Reason, "successor", e.Freeze.Successor))
	case e.Override != nil:
		digest := artifact.Sum([]byte(e.Override.Text)).String()
		fits := has("override-sha256", digest)
		thing := fmt.Sprint(a.at) // one override may take several entries
		if !a.spend(approval.RevokeCA, thing, fits) {
			a.hold(approval.Override, a.where(), thing, fmt.Sprintf("use of the override %s", digest), fits)
		}
	}
}

// keysMade is the note of the evidence about keys that were just made.
const keysMade = "use: key-state-changing"

// keysMade wants an approval for every key that was made. One approval can be for several keys, which stand in a
// document for each token, and is good once for each: two tokens may each have a key of one label.
func (a *approvals) keysMade(ctx context.Context, e *ledger.Evidence) {
	var doc struct {
		Keys []struct {
			Label string `json:"label"`
		} `json:"keys"`
	}
	text, err := a.document(ctx, e)
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	hold := func(label string) {
		a.holdOne(approval.Keygen, a.where(), label, fmt.Sprintf("making of the key %s", label),
			func(q *approval.Request) (n int) {
				for _, p := range q.Params {
					if p.Name == "key" && strings.HasPrefix(p.Value, label+" ") {
						n++
					}
				}
				return n
			})
	}
	if err != nil || len(doc.Keys) == 0 {
		hold("?") // nobody can tell which, and nobody approved that
	}
	for _, k := range doc.Keys {
		hold(k.Label)
	}
}

// version looks at a line of a batch: the certificate of a CA, or a last list. The same bytes count once.
func (a *approvals) version(ctx context.Context, v *version) {
	a.kinds[v.Name] = v.Kind
	if a.past.byDigest[v.Digest][0] != v {
		return
	}
	switch v.Kind {
	case artifact.CACertificate, artifact.CrossCertificate, artifact.LinkCertificate:
		a.hold(approval.IssueCA, v.Name, v.Name, "certificate of a CA",
			func(q *approval.Request) bool { return a.certifies(ctx, q, v) })
	case artifact.CRL, artifact.ARL:
		if artifact.Final(v.NotAfter) && !a.elsewhere(v.Issuer) {
			a.hold(approval.FinalCRL, v.Name, v.Name, fmt.Sprintf("last list of %s", v.Issuer),
				func(q *approval.Request) bool { return q.Get("issuer") == v.Issuer })
		}
	}
}

// elsewhere reports whether software outside of the room signs for an issuer.
func (a *approvals) elsewhere(issuer string) bool {
	return a.hsm != nil && slices.Contains(a.hsm.Elsewhere, issuer)
}

// certifies reports whether a request is for this certificate of a CA.
func (a *approvals) certifies(ctx context.Context, q *approval.Request, v *version) bool {
	switch q.Get("act") {
	case "link":
		return v.Name == public.Link(q.Get("name"), 1) || v.Name == public.Link(q.Get("name"), 2)
	case "cross":
		return v.Name == public.Cross(q.Get("id"))
	case "issue":
		der, err := a.log.ReadBlob(ctx, v.Line)
		if err != nil {
			return false // the master's own findings say why
		}
		cert, err := artifact.ParseCertificate(der)
		return err == nil && v.Name == public.Certificate(q.Get("name")) &&
			q.Get("key-sha256") == artifact.Sum(cert.RawSubjectPublicKeyInfo).String()
	}
	return q.Get("certificate-sha256") == v.Digest.String() // it was there: adopted, accepted, or issued by a partner
}

// revokedAuthorities wants an approval for each certificate of a CA that is on a list. Which entry first had a list
// with it is looked up in the history: what is on a list stays there (verify/memory holds that against all lists).
func (a *approvals) revokedAuthorities(ctx context.Context) error {
	if !slices.ContainsFunc(a.rules, func(r ruleSince) bool { return r.rule.Demands(approval.RevokeCA) }) {
		return nil
	}
	type authority struct{ issuer, serial string }
	known := map[authority]string{} // name
	lists := map[string][]*version{}
	for _, v := range a.past.versions {
		switch v.Kind {
		case artifact.CACertificate, artifact.CrossCertificate, artifact.LinkCertificate:
			known[authority{v.Issuer, v.Number}] = v.Name
		case artifact.CRL, artifact.ARL:
			if !v.History && !a.elsewhere(v.Issuer) {
				lists[v.Name] = append(lists[v.Name], v)
			}
		}
	}
	first := map[authority]int64{}
	for _, all := range lists {
		for ca := range known {
			if ca.issuer == "" || ca.issuer != all[len(all)-1].Issuer {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			lists := func(v *version) bool { return a.revokes(ctx, v, ca.serial) }
			if !lists(all[len(all)-1]) {
				continue
			}
			i, _ := slices.BinarySearchFunc(all, true, func(v *version, _ bool) int {
				if lists(v) {
					return 0
				}
				return -1
			})
			if at, seen := first[ca]; !seen || all[i].index < at {
				first[ca] = all[i].index
			}
		}
	}
	for _, ca := range slices.SortedFunc(func(yield func(authority) bool) {
		for ca := range first {
			if !yield(ca) {
				return
			}
		}
	}, func(x, y authority) int { return strings.Compare(x.issuer+x.serial, y.issuer+y.serial) }) {
		a.at, a.rule = first[ca], a.inForce(first[ca])
		a.hold(approval.RevokeCA, known[ca], "", fmt.Sprintf("revocation of %s by %s", ca.serial, ca.issuer),
			func(q *approval.Request) bool {
				return q.Get("issuer") == ca.issuer &&
					strings.TrimLeft(q.Get("serial"), "0") == strings.TrimLeft(ca.serial, "0")
			})
	}
	return nil
}

// inForce is the rule that was in force at an entry.
func (a *approvals) inForce(entry int64) (rule *approval.Rule) {
	for _, r := range a.rules {
		if r.entry < entry {
			rule = r.rule
		}
	}
	return rule
}

// revokes reports whether a list has a serial.
func (a *approvals) revokes(ctx context.Context, v *version, serial string) bool {
	der, err := a.log.ReadBlob(ctx, v.Line)
	if err != nil {
		return false // the master's own findings say why
	}
	list, err := artifact.ParseRevocationList(der)
	if err != nil {
		return false
	}
	for e, err := range list.Entries() {
		if err != nil {
			return false
		}
		if strings.TrimLeft(fmt.Sprintf("%x", e.Serial), "0") == strings.TrimLeft(serial, "0") {
			return true
		}
	}
	return false
}
