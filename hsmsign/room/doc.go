// Package room is the open signing room. A [Room] holds the tokens, the inventory and
// the right to write the master log, and makes sure that the three are of one history
// before anything is signed: one that is missing, empty or older beside the others is
// refused, or healed from the master (lost.go, heal.go).
//
// Whatever is signed goes the same way: [Room.Stage] has section A judge it and stores
// it, [Room.Commit] puts all that is staged into the log under one checkpoint. Before
// that, the room asks what is on record: whether the tokens may be used (gate.go),
// whether people must approve (approval.go), whether the clock is right (clock.go), and
// whether what is about to be said takes back what was said before (record.go, refusal.go).
//
// What is due, what other software hands over and what people do in a ceremony is not
// decided here: schedule, accept and ceremony are built on this package.
package room
