package room_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"seihon/hsmsign/memory"
	"seihon/hsmsign/room"
)

func TestRefusedByRecord(t *testing.T) {
	record := &room.RecordError{Issuer: "ca", Name: "crl/ca.crl", Faults: make([]memory.Fault, 7)}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{record, true}, {fmt.Errorf("running: %w", record), true}, {errors.Join(record, nil, record), true},
		{errors.Join(record, errors.New("no HSM")), false}, {errors.New("no HSM"), false},
	} {
		if got := room.RefusedByRecord(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
	if text := record.Error(); !strings.Contains(text, "and 2 more") || !strings.Contains(text, "signed override") {
		t.Errorf("the refusal reads %q", text)
	}
}
