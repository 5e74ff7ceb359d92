package accept

import (
	"errors"
	"fmt"

	"seihon/artifact"
	"seihon/hsmsign/room"
	"seihon/internal/unpack"
)

// BatchLimits bound a tar that is handed over: what it holds is in memory until it has been judged. Tests make them
// smaller.
var BatchLimits = unpack.Limits{Members: 200_000, Member: 256 << 20, Whole: 512 << 20}

// A handover is what is judged together: the inputs, and behind them the files in those that are batches.
type handover struct {
	inputs     []Input
	verdicts   []Verdict
	given      int            // how many inputs there were before batches were opened
	members    map[int][2]int // of a batch: where its files begin and end
	size       int64          // octets of the batches that are open
	later      []int          // batches for which there was no room any more
	signatures []int          // detached signatures, which belong to a document
	overrides  map[artifact.Digest]*heldOverride
	certs      *foreign // certificates that are recorded together
	told       *answers // responses that are bundled together
}

func newHandover(inputs []Input) *handover {
	h := &handover{inputs: inputs[:len(inputs):len(inputs)], given: len(inputs), members: map[int][2]int{},
		overrides: map[artifact.Digest]*heldOverride{}, certs: &foreign{}, told: &answers{}}
	for _, in := range inputs {
		h.verdicts = append(h.verdicts, Verdict{Input: in.Name})
	}
	return h
}

// open puts the files of a batch behind the inputs. Each is judged by itself; a batch that cannot be opened as a whole
// is refused.
func (h *handover) open(i int, raw []byte) {
	v := &h.verdicts[i]
	v.Digest, v.Kind = artifact.Sum(raw).String(), "batch"
	if i >= h.given {
		v.settle(room.Refuse("it is a batch in a batch: hand it over by itself"))
		return
	}
	all, err := unpack.Open(raw, BatchLimits)
	if err == nil && len(all) == 0 {
		err = errors.New("there is no file in the tar")
	}
	if err != nil {
		v.settle(room.Refuse("it is not taken: %w", err))
		return
	}
	size := int64(0)
	for _, m := range all {
		size += int64(len(m.Content))
	}
	if h.size > 0 && h.size+size > BatchLimits.Whole {
		h.later = append(h.later, i)
		return
	}
	h.size += size
	h.members[i] = [2]int{len(h.inputs), len(h.inputs) + len(all)}
	for _, m := range all {
		in := h.inputs[i]
		in.Name = fmt.Sprintf("%s: %.200q", h.inputs[i].Name, m.Name)
		in.Read = func() ([]byte, error) {
			if m.Problem != nil {
				return nil, room.Refuse("%w", m.Problem)
			}
			return m.Content, nil
		}
		h.inputs = append(h.inputs, in)
		h.verdicts = append(h.verdicts, Verdict{Input: in.Name})
	}
}

// gather gives the verdicts on the inputs, with those on the files of a batch in that of the batch.
func (h *handover) gather() []Verdict {
	for i, span := range h.members {
		h.verdicts[i].gather(h.verdicts[span[0]:span[1]:span[1]])
	}
	return h.verdicts[:h.given:h.given]
}

// A batchError says how many files of a batch were not taken. Behind it are the reasons of all of them.
type batchError struct {
	text string
	all  []error
}

func (e *batchError) Error() string   { return e.text }
func (e *batchError) Unwrap() []error { return e.all }

// gather makes the verdict on a batch: it is accepted when all its files are, and looked at again as long as one could
// not be judged.
func (v *Verdict) gather(members []Verdict) {
	v.Members = members
	var failed, refused, present int
	var first *Verdict
	e := &batchError{}
	for i := range members {
		m := &members[i]
		switch {
		case m.Failed != "":
			failed++
		case m.Refused != "":
			refused++
		case m.Present:
			present++
		}
		if m.err != nil {
			e.all = append(e.all, m.err)
			if first == nil || failed == 1 && m.Failed != "" {
				first = m
			}
		}
	}
	if v.Present = present == len(members); first == nil {
		v.add("%d files, %d of them were here already", len(members), present)
		return
	}
	why := first.Refused + first.Failed
	if v.err = e; failed > 0 {
		e.text = fmt.Sprintf("%d of its %d files could not be judged, the first is %s: %s", failed, len(members),
			first.Input, why)
		v.Failed = e.text
		return
	}
	e.text = fmt.Sprintf("%d of its %d files were refused, the others are taken; the first is %s: %s", refused,
		len(members), first.Input, why)
	v.Refused = e.text
}
