package room_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seihon/hsmsign/room"
	"seihon/internal/config"
)

// chronyLine is what chrony 4.3 printed of a server on the same machine, with another time.
func chronyLine(heard time.Time) string {
	return fmt.Sprintf("7F000001,127.0.0.1,4,%d.064183090,-0.000001496,-0.000000065,0.000000418,-0.005,-0.002,0.068,0.000008519,0.000000606,0.5,Normal\n", heard.Unix())
}

// TestSecondClock reads what a second clock may have left in its file.
func TestSecondClock(t *testing.T) {
	now := time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC)
	chrony := chronyLine(now.Add(-time.Minute))
	for name, test := range map[string]struct {
		line    string
		written time.Duration // after now
		says    string
	}{
		"RFC 3339":         {"2026-11-29T15:59:50Z\n", -10 * time.Second, ""},
		"of another zone":  {"2026-11-30T00:59:50.5+09:00\n", -10 * time.Second, ""},
		"Unix seconds":     {fmt.Sprintf("%d\n", now.Unix()-10), -10 * time.Second, ""},
		"with a fraction":  {fmt.Sprintf("%d.25\n", now.Unix()-10), -10 * time.Second, ""},
		"at the tolerance": {"2026-11-29T15:58:50Z\n", -10 * time.Second, ""},
		"machine ahead": {"2026-11-29T15:58:49Z\n", -10 * time.Second,
			"1m1s ahead of it, more than tolerance (1m0s)"},
		"machine behind":            {"2026-11-29T16:00:51Z\n", -10 * time.Second, "1m1s behind it"},
		"a day ahead, just written": {"2026-11-28T16:00:00Z\n", 0, "24h0m0s ahead of it"},
		"old": {"2026-11-29T14:59:59Z\n", -time.Hour - time.Second,
			"was written 1h0m1s ago, more than max_age (1h)"},
		"of the future": {"2026-11-29T16:01:01Z\n", time.Minute + time.Second, "1m1s after now"},
		"empty":         {"", 0, "does not hold one whole line"},
		"an empty line": {"\n", 0, "does not hold one whole line"},
		"cut off":       {"2026-11-29T15:59:50Z", 0, "does not hold one whole line"},
		"two lines": {"2026-11-29T15:59:50Z\n2026-11-29T15:59:50Z\n", 0,
			"does not hold one whole line"},
		"no end":                    {strings.Repeat("1", 5000) + "\n", 0, "does not hold one whole line"},
		"words":                     {"506 Cannot talk to daemon\n", 0, "neither a time nor the output"},
		"a small figure":            {"42\n", 0, "neither a time nor the output"},
		"no number":                 {"NaN\n", 0, "neither a time nor the output"},
		"beyond all time":           {"1e300\n", 0, "neither a time nor the output"},
		"chrony":                    {chrony, 0, ""},
		"chrony, not synchronised":  {"00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n", 0, "not synchronised"},
		"chrony, stratum 0":         {strings.Replace(chrony, ".1,4,", ".1,0,", 1), 0, "not synchronised"},
		"chrony by its own clock":   {strings.Replace(chrony, "7F000001,127.0.0.1", "7F7F0101,", 1), 0, "own clock"},
		"chrony lost its source":    {chronyLine(now.Add(-61 * time.Minute)), 0, "heard its source 1h1m0s ago"},
		"chrony before a jump back": {chronyLine(now.Add(24 * time.Hour)), 0, "heard its source 24h0m0s after now"},
		"chrony, never heard": {strings.Replace(chrony, fmt.Sprint(now.Add(-time.Minute).Unix()), "0", 1), 0,
			"when the source was last heard"},
		"chrony, an offset":        {strings.Replace(chrony, "-0.000001496", "-60.1", 1), 0, "may be 1m0.1s off"},
		"chrony, a delay":          {strings.Replace(chrony, "0.000008519", "121.0", 1), 0, "may be 1m0.5s off"},
		"chrony, a dispersion":     {strings.Replace(chrony, "0.000000606", "61.0", 1), 0, "may be 1m1s off"},
		"chrony, a negative delay": {strings.Replace(chrony, "0.000008519", "-121.0", 1), 0, "may be 1m0.5s off"},
		"chrony, a word for an offset": {strings.Replace(chrony, "-0.000001496", "x", 1), 0,
			`field 5 is "x", want seconds`},
		"chrony, no number":    {strings.Replace(chrony, "0.000000606", "NaN", 1), 0, "field 12"},
		"chrony, without end":  {strings.Replace(chrony, "-0.000001496", "Inf", 1), 0, "field 5"},
		"chrony, a field less": {strings.Replace(chrony, "0.5,Normal", "Normal", 1), 0, "has 13 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "clock")
			must(t, os.WriteFile(file, []byte(test.line), 0o644))
			must(t, os.Chtimes(file, time.Time{}, now.Add(test.written)))
			c := &config.Clock{File: config.Path(file), Tolerance: config.Duration(time.Minute),
				MaxAge: config.Duration(time.Hour)}
			err := room.SecondClock(c, now)
			if test.says == "" && err != nil ||
				test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%v, must say %q", err, test.says)
			}
		})
	}
}

// TestSecondClockOfARoom signs with a second clock that agrees, and with one that does not, is away, or is
// something else than a file; the operator can go on without it, on record.
func TestSecondClockOfARoom(t *testing.T) {
	tr := newTestRoom(t, t.TempDir())
	tr.issue(t, 1)
	file := filepath.Join(tr.dir, "clock")
	conf := filepath.Join(tr.dir, "repository.yaml")
	must(t, os.WriteFile(conf, []byte(strings.Replace(roomYAML, "log_keys: [log]",
		"log_keys: [log], clock: {file: clock}", 1)), 0o644))
	write := func(line string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(file)
		must(t, os.WriteFile(file, []byte(line), mode))
		must(t, os.Chmod(file, mode))
		must(t, os.Chtimes(file, time.Time{}, tr.now))
	}
	refused := func(says string) {
		t.Helper()
		if err := run(t, tr, ""); err == nil || !room.RefusedByRecord(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, must be refused and say %q", err, says)
		}
	}
	refused("no such file")
	must(t, os.Mkdir(file, 0o755))
	refused("not a regular file")
	write(tr.now.Format(time.RFC3339)+"\n", 0o666)
	refused("may be written to by others")
	write(tr.now.Format(time.RFC3339)+"\n", 0o644)
	must(t, run(t, tr, ""))
	write(tr.now.Add(-24*time.Hour).Format(time.RFC3339)+"\n", 0o644)
	refused("signer.clock: the machine's clock is 24h0m0s ahead of it")
	must(t, os.Remove(file))
	must(t, run(t, tr, "the receiver is being repaired"))
	r, err := tr.openWith(t, "the receiver is being repaired")
	must(t, err)
	defer r.Close()
	e, err := r.Log.Log().Entry(t.Context(), r.Log.Log().Size()-1)
	if must(t, err); e.Evidence == nil || e.Evidence.Kind != "clock-accepted" ||
		!strings.Contains(e.Evidence.Note, "being repaired") {
		t.Errorf("on record: %+v", e)
	}
}
