package verify

import (
	"fmt"
	"slices"
	"strings"

	"seihon/verify/report"
)

// PinsSchema names the version of the auditor's pins file.
const PinsSchema = "seihon/auditor/v1"

// Pins are what an auditor believes, kept by the auditor. The operator's configuration is held against them: it may ask
// for more, but whoever shortens or changes it changes what a check proves.
type Pins struct {
	Schema string `yaml:"schema" json:"schema"`
	Origin string `yaml:"origin" json:"origin"` // of the master log
	// of the master log; all of them are required
	Keys        []string `yaml:"log_keys" json:"log_keys"`
	Publication []string `yaml:"publication_keys" json:"publication_keys"` // verifier keys of the publication log
	Anchors     []string `yaml:"anchors" json:"anchors"`                   // SHA-256 of the trust anchors
	// SHA-256 of other CAs for cross certificates
	Partners   []string `yaml:"partners" json:"partners"`
	Overrides  []string `yaml:"override_keys" json:"override_keys"`
	Addresses  []string `yaml:"addresses" json:"addresses"` // public addresses and folders that are looked at
	Targets    []string `yaml:"targets" json:"targets"`
	Timestamps []string `yaml:"timestamps" json:"timestamps"` // SHA-256 of the roots of time-stamping authorities
	Witnesses  []string `yaml:"witnesses" json:"witnesses"`
	Names      []string `yaml:"names,omitempty" json:"names,omitempty"` // further names of artifacts: alias = artifact
	// keys of outside vantages, whose samples count
	Vantages []string `yaml:"vantages" json:"vantages"`
	Quorum   int      `yaml:"quorum" json:"quorum"` // how many witnesses are required; 0: all
}

// A pinned is one kind of pins. believes says that one more of them makes the check believe more than the auditor does.
type pinned struct {
	name      string
	kept, now []string
	believes  bool
}

// Compare returns what the configuration pins less than the auditor, or otherwise (critical), and what it adds to what
// is looked at (a note).
func (p *Pins) Compare(now *Pins) []report.Finding {
	var all []report.Finding
	differ := func(code, name, want, got, detail string) {
		all = append(all,
			report.Finding{Code: code, Source: report.SourcePins, Name: name, Want: want, Got: got, Detail: detail})
	}
	if p.Origin != now.Origin {
		differ("pins-fewer", "origin", p.Origin, now.Origin, "the configuration names another master log")
	}
	for _, k := range []pinned{
		{"log_keys", p.Keys, now.Keys, false}, {"publication_keys", p.Publication, now.Publication, true},
		{"anchors", p.Anchors, now.Anchors, true},
		{"partners", p.Partners, now.Partners, true}, {"override_keys", p.Overrides, now.Overrides, true},
		{"addresses", p.Addresses, now.Addresses, false},
		{"targets", p.Targets, now.Targets, false}, {"names", p.Names, now.Names, false},
		{"timestamps", p.Timestamps, now.Timestamps, true}, {"witnesses", p.Witnesses, now.Witnesses, false},
		{"vantages", p.Vantages, now.Vantages, true},
	} {
		for _, pin := range k.kept {
			// to believe fewer of these is stricter
			if !slices.Contains(k.now, pin) && !(k.name == "partners" || k.name == "override_keys") {
				differ("pins-fewer", k.name, pin, strings.Join(k.now, " "),
					"the configuration does not pin it any more")
			}
		}
		for _, pin := range k.now {
			if slices.Contains(k.kept, pin) {
				continue
			}
			if k.believes {
				differ("pins-fewer", k.name, strings.Join(k.kept, " "), pin,
					"the configuration believes it, the auditor does not")
			} else {
				differ("pins-more", k.name, "", pin, "")
			}
		}
	}
	if kept, asked := p.required(), now.required(); asked < kept {
		differ("pins-fewer", "quorum", fmt.Sprint(kept), fmt.Sprint(asked), "fewer witnesses are required")
	}
	return all
}

// required is the number of witnesses that must have cosigned.
func (p *Pins) required() int {
	if p.Quorum <= 0 {
		return len(p.Witnesses)
	}
	return p.Quorum
}
