package verify_test

import (
	"slices"
	"testing"

	"seihon/artifact"
	"seihon/verify"
)

// pins is what the auditor of a test repository keeps.
func pins() *verify.Pins {
	return &verify.Pins{
		Schema: verify.PinsSchema, Origin: origin, Keys: []string{"a", "b"}, Publication: []string{"p"},
		Anchors: []string{"root"}, Overrides: []string{"o"},
		Addresses: []string{baseURL}, Targets: []string{"public"}, Names: []string{"a.crl = crl/sub.crl"},
		Timestamps: []string{"tsa"}, Witnesses: []string{"w1", "w2"}, Vantages: []string{"v1", "v2"},
	}
}

func pinTampers() []tamper {
	change := func(name, want string, do func(p *verify.Pins)) tamper {
		c := tamper{name: "configuration: " + name, only: true, do: func(_ *testing.T, _ *repo, c *verify.Config) {
			c.Pins, c.PinsNow, c.PinsDigest = pins(), pins(), artifact.Sum([]byte("the file"))
			do(c.PinsNow)
		}}
		if want == "" {
			return c.passing()
		}
		c.want = []string{want}
		return c
	}
	without := func(name string, list func(p *verify.Pins) *[]string) tamper {
		return change(name+" left out", "pins-fewer@"+name, func(p *verify.Pins) { l := list(p); *l = (*l)[1:] })
	}
	with := func(name, want string, list func(p *verify.Pins) *[]string) tamper {
		c := change(name+" added", want+"@"+name,
			func(p *verify.Pins) { l := list(p); *l = append(slices.Clone(*l), "new") })
		c.passes = want == "pins-more"
		return c
	}
	keys := func(p *verify.Pins) *[]string { return &p.Keys }
	anchors := func(p *verify.Pins) *[]string { return &p.Anchors }
	publication := func(p *verify.Pins) *[]string { return &p.Publication }
	addresses := func(p *verify.Pins) *[]string { return &p.Addresses }
	targets := func(p *verify.Pins) *[]string { return &p.Targets }
	names := func(p *verify.Pins) *[]string { return &p.Names }
	stamps := func(p *verify.Pins) *[]string { return &p.Timestamps }
	return []tamper{
		change("as it was", "", func(*verify.Pins) {}),
		change("another origin", "pins-fewer@origin", func(p *verify.Pins) { p.Origin = "other.example/log" }),
		change("fewer witnesses required", "pins-fewer@quorum", func(p *verify.Pins) { p.Quorum = 1 }),
		change("fewer keys believed for overrides", "", func(p *verify.Pins) { p.Overrides = nil }),
		without("log_keys", keys), without("anchors", anchors), without("publication_keys", publication),
		without("addresses", addresses),
		without("targets", targets), without("timestamps", stamps), without("names", names),
		with("anchors", "pins-fewer", anchors),
		with("override_keys", "pins-fewer", func(p *verify.Pins) *[]string { return &p.Overrides }),
		with("timestamps", "pins-fewer", stamps), with("publication_keys", "pins-fewer", publication),
		with("vantages", "pins-fewer", func(p *verify.Pins) *[]string { return &p.Vantages }),
		without("vantages", func(p *verify.Pins) *[]string { return &p.Vantages }),
		with("partners", "pins-fewer", func(p *verify.Pins) *[]string { return &p.Partners }),
		with("log_keys", "pins-more", keys), with("addresses", "pins-more", addresses),
		with("targets", "pins-more", targets),
		with("names", "pins-more", names),
	}
}
