package report

import (
	"strings"
	"time"

	"seihon/ledger"
)

// A Record is what the logs tell about the operation: the "related logs" of survey item 3C56.
type Record struct {
	Lists       []ListHistory   `json:"lists"`
	Withdrawals []Event         `json:"withdrawals"`
	Rotations   []Event         `json:"key_rotations"`
	Evidence    []Event         `json:"evidence"`
	Refusals    []Event         `json:"refusals"`
	Reviews     []ledger.Review `json:"reviews"` // the first to be due first
	Retention   Retention       `json:"retention"`
	Uptime      *Uptime         `json:"uptime,omitempty"` // from the publication log's beginning to now

	Signed []SignedSamples `json:"signed_samples,omitempty"` // of outside vantages
}

// A ListHistory sums up the versions of one revocation list.
type ListHistory struct {
	Name     string        `json:"name"`
	Versions int           `json:"versions"`
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
	Longest  time.Duration `json:"longest_interval"` // between two versions
	Gaps     int           `json:"gaps"`             // times without a current list
}

// An Event is one entry of a log.
type Event struct {
	Log    string    `json:"log"`
	Entry  int64     `json:"entry"`
	Time   time.Time `json:"time"`
	Name   string    `json:"name"`
	Detail string    `json:"detail"`
}

// A Retention says until when the records must be kept: ten years from the expiry of the last certificate concerned
// (規則第12条第2項).
type Retention struct {
	LastExpiry time.Time `json:"last_expiry"`
	Floor      time.Time `json:"floor"`
}

func (rec *Record) MasterEntry(i int64, e *ledger.Entry) {
	ev := Event{Log: SourceLog, Entry: i, Time: e.Time}
	switch {
	case e.Withdraw != nil:
		for _, n := range e.Withdraw.Names {
			ev.Name, ev.Detail = n.Name, n.Reason
			rec.Withdrawals = append(rec.Withdrawals, ev)
		}
	case e.KeyRotation != nil:
		ev.Name, ev.Detail = strings.Join(e.KeyRotation.New, " "), e.KeyRotation.Reason
		rec.Rotations = append(rec.Rotations, ev)
	case e.Evidence != nil:
		ev.Name, ev.Detail = e.Evidence.Kind+" "+e.Evidence.Name, e.Evidence.Digest.String()
		rec.Evidence = append(rec.Evidence, ev)
	}
}
