// Package shelflife says when the time that an artifact still holds is too short: the one rule of both binaries.
//
// A list that holds for a week and one that holds for a day are renewed at different times, so that no one duration
// fits both. Without flags an artifact is short when less than a third of its own life is left, and critical below a
// twelfth, and never before 24 and 6 hours. A duration that somebody gave counts as it is.
package shelflife

import "time"

// Limits are durations before the end of an artifact.
type Limits struct {
	Warn, Critical           time.Duration
	WarnGiven, CriticalGiven bool // they count whatever the artifact's life is
}

// Default are the limits without any flags.
var Default = Limits{Warn: 24 * time.Hour, Critical: 6 * time.Hour}

// Of returns the limits of an artifact that holds for so long in all; zero: nobody knows.
func (l Limits) Of(life time.Duration) (warn, critical time.Duration) {
	warn, critical = l.Warn, l.Critical
	if !l.WarnGiven && life > 0 {
		warn = min(warn, life/3)
	}
	if !l.CriticalGiven && life > 0 {
		critical = min(critical, life/12)
	}
	return warn, min(critical, warn)
}

// A Verdict is how short a life is.
type Verdict int

// The verdicts, the worst last.
const (
	Long Verdict = iota
	Short
	Critical
)

// Judge says how short the life of an artifact is that holds from one time until another.
func (l Limits) Judge(from, until, now time.Time) Verdict {
	life := time.Duration(0)
	if !from.IsZero() {
		life = until.Sub(from)
	}
	warn, critical := l.Of(life)
	switch left := until.Sub(now); {
	case left <= 0 || left < critical:
		return Critical
	case left < warn:
		return Short
	}
	return Long
}
