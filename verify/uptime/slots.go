package uptime

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// Slots are what was seen in each slot of the rhythm: slot n is the time from n times the rhythm
// after 1970 to n+1 times. Neighbouring slots of which the same is known are kept as one run, so
// that a year of good samples each minute takes no room.
type slots struct{ runs []run }

// A run are the slots from ≤ n < to.
type run struct {
	from, to int64
	bad      bool // a sample in each of them was bad
}

// slotOf is the slot of a time.
func slotOf(t time.Time, every time.Duration) int64 {
	ns, e := t.Unix(), int64(every/time.Second)
	n := ns / e
	if ns < 0 && ns%e != 0 {
		n--
	}
	return n
}

// slotAfter is the first slot that begins at t or later.
func slotAfter(t time.Time, every time.Duration) int64 {
	n := slotOf(t, every)
	if slotTime(n, every).Before(t) {
		n++
	}
	return n
}

// slotTime is when a slot begins.
func slotTime(n int64, every time.Duration) time.Time {
	return time.Unix(n*int64(every/time.Second), 0).UTC()
}

// find returns the index of the first run that ends after n.
func (s *slots) find(n int64) int {
	if last := len(s.runs) - 1; last < 0 || s.runs[last].to <= n {
		return last + 1
	}
	return sort.Search(len(s.runs), func(i int) bool { return s.runs[i].to > n })
}

// mark notes a sample, or a round of them, in slot n. A slot with a bad one stays bad.
func (s *slots) mark(n int64, bad bool) {
	i := s.find(n)
	if i < len(s.runs) && s.runs[i].from <= n {
		r := s.runs[i]
		if r.bad || !bad {
			return
		}
		parts := []run{{r.from, n, false}, {n, n + 1, true}, {n + 1, r.to, false}}
		parts = slices.DeleteFunc(parts, func(p run) bool { return p.from == p.to })
		s.runs = slices.Replace(s.runs, i, i+1, parts...)
		return
	}
	if i > 0 && s.runs[i-1].to == n && s.runs[i-1].bad == bad {
		s.runs[i-1].to = n + 1
		return
	}
	s.runs = slices.Insert(s.runs, i, run{n, n + 1, bad})
}

// has reports whether something was seen in slot n.
func (s *slots) has(n int64) bool {
	i := s.find(n)
	return i < len(s.runs) && s.runs[i].from <= n
}

// missing yields the runs of slots of from ≤ n < to in which nothing was seen.
func (s *slots) missing(from, to int64) iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		for _, r := range s.runs {
			if r.from > from && !yield(from, min(r.from, to)) {
				return
			}
			if from = max(from, r.to); from >= to {
				return
			}
		}
		if from < to {
			yield(from, to)
		}
	}
}

// first and last are the ends of what was seen; ok is false when nothing was.
func (s *slots) ends() (first, last int64, ok bool) {
	if len(s.runs) == 0 {
		return 0, 0, false
	}
	return s.runs[0].from, s.runs[len(s.runs)-1].to, true
}
