package config

import "time"

// probeEvery is the rhythm of the timer in deploy/systemd and of the line in deploy/cron; a test
// compares the three.
const probeEvery = Duration(time.Minute)

// Probe is the observation of the public addresses.
type Probe struct {
	// Vantage is the name of this place in the samples: who asked, from where; empty: it is not said.
	Vantage string `yaml:"vantage"`
	// Every is how often `publisher probe` is started, in whole seconds; default 1m, as the timer and the crontab that
	// come with the program do. The record of operation expects as many samples, and calls not observed what was not
	// asked.
	Every Duration `yaml:"every"`
}

// Verify says where the auditor's commands look.
type Verify struct {
	// Sources are folders or base URLs with public copies, compared with each other; default: every directory target
	// and every target's url.
	Sources []Location `yaml:"sources"`
	// Checkpoint is the auditor's own last checkpoint; kept up to date only with --remember.
	Checkpoint Path `yaml:"checkpoint"`
	// CRLAge is the greatest acceptable age of a CRL; default: its nextUpdate.
	CRLAge Duration `yaml:"crl_age"`
	// Timestamps are the RFC 3161 authorities that the auditor believes (name, roots, policies; no url is needed);
	// default: those of signer.timestamps.
	Timestamps []TSA `yaml:"timestamps"`
	// Witnesses are the witnesses that the auditor believes; default: those of signer.witnesses.
	Witnesses []Witness `yaml:"witnesses"`
	// Vantages are files with the verifier keys (vkey) of outside vantages: what they sign with `publisher probe
	// --vantage` counts in `publisher verify --samples`.
	Vantages []Path `yaml:"vantages"`
	// Quorum is how many of them must have cosigned the newest checkpoint; default: all, or signer.quorum with
	// signer.witnesses.
	Quorum int `yaml:"quorum"`
}
