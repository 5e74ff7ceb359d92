package token_test

import (
	"bytes"
	"testing"
	"time"

	"seihon/hsmsign/token"
)

// TestDecide: an error about the device speaks against every key, one about a key against that key, and nothing against
// a key on trial; the verdict's bytes follow from the facts alone.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		policy token.Policy
		change func(a *token.Approvals, e *token.Evidence)
		want   map[string]string // by label
	}{
		{"approved", token.Accredited, nil, map[string]string{"ca": token.Accepted, "log": token.Accepted}},
		{"cloud", token.Accredited, func(a *token.Approvals, _ *token.Evidence) { a.HSMs[0].Location = token.Cloud },
			map[string]string{"ca": token.Refused, "log": token.Refused}},
		{"a key that can leave", token.Accredited,
			func(_ *token.Approvals, e *token.Evidence) { e.Keys[0].Attributes["EXTRACTABLE"] = "true" },
			map[string]string{"ca": token.Refused, "log": token.Accepted}},
		{"a device for logs", token.Accredited,
			func(a *token.Approvals, _ *token.Evidence) { a.HSMs[0].Roles = []token.Role{token.RoleLog} },
			map[string]string{"ca": token.Refused, "log": token.Accepted}},
		{"a warning",
			token.Accredited, func(_ *token.Approvals, e *token.Evidence) { e.Keys[0].Attributes["DECRYPT"] = "true" },
			map[string]string{"ca": token.Accepted, "log": token.Accepted}},
		{"on trial in a cloud", token.Trial,
			func(a *token.Approvals, _ *token.Evidence) { a.HSMs[0].Location = token.Cloud },
			map[string]string{"ca": token.OnTrial, "log": token.OnTrial}},
	} {
		t.Run(test.name, func(t *testing.T) {
			decide := func() *token.Verdict {
				list := testdata(t, "approvals.yaml")
				a, err := token.ReadApprovals(list)
				if err != nil {
					t.Fatal(err)
				}
				e := good()
				fips1403(a, e)
				second := good().Keys[0]
				second.Label = "log"
				e.Keys = append(e.Keys, second)
				if test.change != nil {
					test.change(a, e)
				}
				return a.Decide(test.policy, a.IdentifyList(list), e,
					map[string]token.Role{"ca": token.RoleIssuing, "log": token.RoleLog}, now)
			}
			v := decide()
			all := true
			for _, k := range v.Keys {
				if k.Verdict != test.want[k.Label] {
					t.Errorf("%s is %s, want %s", k.Label, k.Verdict, test.want[k.Label])
				}
				if refused := len(v.AgainstKey(k)) > 0; refused != (k.Verdict == token.Refused) {
					t.Errorf("%s is %s, and %d findings speak against it", k.Label, k.Verdict, len(v.AgainstKey(k)))
				}
				all = all && k.Verdict == token.Refused
			}
			if (len(v.Against()) > 0) != all {
				t.Errorf("%d findings speak against the device", len(v.Against()))
			}
			one, err := v.JSON()
			two, err2 := decide().JSON()
			if err != nil || err2 != nil || !bytes.Equal(one, two) {
				t.Errorf("the same facts make other bytes: %v %v", err, err2)
			}
		})
	}
	var none *token.Approvals
	v := none.Decide(token.Accredited, none.IdentifyList(nil), good(), map[string]token.Role{"ca": token.RoleIssuing},
		now)
	if v.Keys[0].Verdict != token.Refused || v.List != nil {
		t.Errorf("without a list: %+v", v)
	}
}
