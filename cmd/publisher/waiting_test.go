package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"seihon/ledger"
)

// TestAnHourByItself is the same hour as before there were rounds: each recorded by itself, which readers go on to
// read.
func TestAnHourByItself(t *testing.T) {
	single, together := newDay(t, "0s"), newDay(t, "1h")
	for _, d := range []*day{single, together} {
		d.pass(time.Hour)
		if read, _ := d.read(); !reflect.DeepEqual(read, d.taken) {
			t.Errorf("%d rounds are read, and are not the %d that were taken", len(read), len(d.taken))
		}
	}
	files, size := single.kept()
	few, small := together.kept()
	t.Logf("an hour: %d files and %d KiB by themselves, %d and %d together", files, size>>10, few, small>>10)
	if files < 10*few || size < 10*small {
		t.Errorf("%d files and %d bytes by themselves, %d and %d together", files, size, few, small)
	}
}

// TestWhatWaitsSurvives kills the host at each point between a round and its record. All rounds are on record once.
func TestWhatWaitsSurvives(t *testing.T) {
	for name, kill := range map[string]func(d *day){
		"while a line is written": func(d *day) {
			f, err := os.OpenFile(d.waiting().path("waiting"), os.O_APPEND|os.O_WRONLY, 0)
			d.check(err)
			_, err = f.WriteString(`{"body":{"samp`)
			d.check(err)
			d.check(f.Close())
		},
		"when it was taken": func(d *day) {
			log, err := d.publication(d.Context())
			d.check(err)
			d.check(log.Close())
			d.probe()
		},
		"when it was recorded": func(d *day) {
			d.commit()
			d.probe()
			raw, err := os.ReadFile(d.waiting().path("waiting"))
			d.check(err)
			d.commit()
			d.check(os.WriteFile(d.waiting().path("taken"), raw, 0o644))
			d.probe()
		},
		"while it was put back": func(d *day) {
			taken, err := os.ReadFile(d.waiting().path("taken"))
			d.check(err)
			waiting, err := os.ReadFile(d.waiting().path("waiting"))
			d.check(err)
			d.check(os.WriteFile(d.waiting().path("waiting"),
				append(taken, strings.TrimPrefix(string(waiting), waitingFormat)...), 0o644))
			d.probe()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDay(t, "1h")
			d.pass(10 * time.Minute)
			kill(d)
			d.host = &host{conf: d.conf, logger: d.logger, now: d.host.now} // another process
			d.pass(5 * time.Minute)
			d.commit()
			read, _ := d.read()
			if waiting, err := d.waiting().all(); err != nil || len(waiting) > 0 {
				t.Errorf("%d entries wait, %v", len(waiting), err)
			}
			if !reflect.DeepEqual(read, d.taken) {
				t.Errorf("%d rounds are on record, %d were taken", len(read), len(d.taken))
			}
		})
	}
}

// commit records what waits.
func (d *day) commit() {
	d.Helper()
	log, err := d.publication(d.Context())
	d.check(err)
	_, err = log.Commit(d.Context())
	d.check(err)
	d.check(log.Close())
}

// TestWhatWaitsIsOurs refuses other lines, and says what to do.
func TestWhatWaitsIsOurs(t *testing.T) {
	d := newDay(t, "1h")
	d.pass(10 * time.Minute)
	path := d.waiting().path("waiting")
	good, err := os.ReadFile(path)
	d.check(err)
	withdraw := &ledger.Entry{V: 1, Type: ledger.TypeWithdraw, Time: d.clock,
		Withdraw: &ledger.Withdraw{Names: []ledger.WithdrawnName{{Name: "x"}}}}
	raw, err := withdraw.Encode()
	d.check(err)
	for name, text := range map[string]string{
		"another format": strings.Replace(string(good), "v1", "v2", 1),
		"another type":   string(good) + string(raw) + "\n",
		"no entry":       string(good) + "{}\n",
	} {
		d.check(os.WriteFile(path, []byte(text), 0o644))
		if _, err := d.publication(t.Context()); err == nil || !strings.Contains(err.Error(), "move the file away") {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(d.waiting().path("taken"))
	}
}
