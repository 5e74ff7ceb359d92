package room

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"seihon/internal/config"
	"seihon/internal/regular"
)

// A second clock. An offline room has a receiver of GPS or a radio clock, and a
// program that reads it: chrony, or a script. It writes a line into a file now
// and then, and the room reads that: a process that has logged in to the HSM
// starts no other program and opens no connection. A clock that is configured
// and says nothing, or nothing that can be read, is no second clock: nothing is
// signed then, unless the operator accepts it on record.

// maxClockLine bounds what is read of the file.
const maxClockLine = 1024

// secondClock says why the machine's clock is not what the second one shows.
func secondClock(c *config.Clock, now time.Time) error {
	if c == nil {
		return nil
	}
	line, written, err := readClock(string(c.File))
	if err != nil {
		return err
	}
	if err := current(c, now, written, "the file "+string(c.File)+" was written"); err != nil {
		return err
	}
	if strings.Contains(line, ",") {
		return tracked(c, now, line)
	}
	shown, err := readTime(line)
	if err != nil {
		return fmt.Errorf("%q holds %.60q, which is neither a time nor the output of `chronyc -c tracking`",
			string(c.File), line)
	}
	// The time was taken when the file was written, by the clock that is judged.
	return within(c, written.Sub(shown))
}

// readClock reads the one line, and when the machine's clock says that it was written.
func readClock(path string) (line string, written time.Time, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return "", written, fmt.Errorf("reading the second clock: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", written, fmt.Errorf("reading the second clock: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 && os.PathSeparator == '/' {
		return "", written, fmt.Errorf("%q may be written to by others: it has mode %04o; make it 0644", path,
			info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxClockLine+1))
	if err != nil {
		return "", written, fmt.Errorf("reading the second clock: %w", err)
	}
	line, rest, whole := strings.Cut(string(b), "\n")
	if !whole || rest != "" || line == "" || len(b) > maxClockLine {
		return "", written, fmt.Errorf("%q does not hold one whole line; write it under another name and rename it",
			path)
	}
	return line, info.ModTime(), nil
}

// current refuses what is older than it may be, and what is of the future.
func current(c *config.Clock, now, at time.Time, what string) error {
	switch age := now.Sub(at); {
	case age > c.MaxAge.Std():
		return fmt.Errorf("%s %v ago, more than max_age (%v)", what, age.Round(time.Second), c.MaxAge)
	case age < -c.Tolerance.Std():
		return fmt.Errorf("%s %v after now", what, (-age).Round(time.Second))
	}
	return nil
}

// within holds a difference of the clocks, positive where the machine is ahead, against the tolerance.
func within(c *config.Clock, ahead time.Duration) error {
	if ahead.Abs() <= c.Tolerance.Std() {
		return nil
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	return fmt.Errorf("the machine's clock is %v %s it, more than tolerance (%v)", ahead.Abs().Round(time.Millisecond),
		where, c.Tolerance)
}

// readTime reads RFC 3339, or Unix seconds with or without a fraction.
func readTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return unixTime(s)
}

// unixTime reads Unix seconds of the years 2001 to 9999: what is shorter is some other figure.
func unixTime(s string) (time.Time, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 1e9 || f > 253402300799 {
		return time.Time{}, errors.New("it is no time in Unix seconds")
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// The fields of `chronyc -c tracking`, chrony 4: see chronyc(1), tracking.
const (
	chronyReference = iota
	_               // its name
	chronyStratum
	chronyHeard  // when the source was last heard
	chronyOffset // of the machine's clock from the time that chrony keeps
	_            // last offset
	_            // root mean square offset
	_            // frequency
	_            // residual frequency
	_            // skew
	chronyDelay
	chronyDispersion
	_ // update interval
	chronyLeap
	chronyFields
)

// ownClock is what chrony has as its reference when it goes by the machine's own clock.
const ownClock = "7F7F0101"

// tracked judges what chrony says of the machine's clock: how far off it is at most, RFC 5905's root distance.
func tracked(c *config.Clock, now time.Time, line string) error {
	f := strings.Split(line, ",")
	if len(f) != chronyFields {
		return fmt.Errorf("%q has %d fields, `chronyc -c tracking` prints %d", string(c.File), len(f), chronyFields)
	}
	if f[chronyLeap] == "Not synchronised" || f[chronyStratum] == "0" {
		return errors.New("chrony is not synchronised")
	}
	if f[chronyReference] == ownClock {
		return errors.New("chrony goes by the machine's own clock, which is no second one")
	}
	heard, err := unixTime(f[chronyHeard])
	if err != nil {
		return fmt.Errorf("%q: when the source was last heard: %w", string(c.File), err)
	}
	if err := current(c, now, heard, "chrony heard its source"); err != nil {
		return err
	}
	var seconds [chronyFields]float64
	for _, i := range []int{chronyOffset, chronyDelay, chronyDispersion} {
		seconds[i], err = strconv.ParseFloat(f[i], 64)
		if err != nil || math.IsNaN(seconds[i]) || math.Abs(seconds[i]) > 1e9 {
			return fmt.Errorf("%q: field %d is %.40q, want seconds", string(c.File), i+1, f[i])
		}
	}
	unsure := math.Abs(seconds[chronyDelay])/2 + math.Abs(seconds[chronyDispersion])
	most := time.Duration((math.Abs(seconds[chronyOffset]) + unsure) * float64(time.Second))
	if most > c.Tolerance.Std() {
		return fmt.Errorf("the machine's clock may be %v off by what chrony says, more than tolerance (%v)",
			most.Round(time.Millisecond), c.Tolerance)
	}
	return nil
}
