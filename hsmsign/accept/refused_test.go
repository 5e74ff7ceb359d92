package accept

import (
	"errors"
	"testing"

	"seihon/hsmsign/memory"
	"seihon/hsmsign/room"
)

// TestIncoherenceIsOurs: a contradiction of the inventory refuses no input.
func TestIncoherenceIsOurs(t *testing.T) {
	t.Parallel()
	err := error(&room.RecordError{Issuer: "kept", Faults: []memory.Fault{{}}, Ours: true})
	if refused(err) || !room.RefusedByRecord(err) || refused(errors.New("x")) {
		t.Error("an input is refused for what is wrong here")
	}
}
