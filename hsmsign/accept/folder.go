package accept

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"seihon/hsmsign/room"
	"seihon/internal/config"
	"seihon/internal/incoming"
	"seihon/internal/regular"
)

// DropFolder is the drop folder of a configuration.
func DropFolder(r *room.Room, a *config.Accept) *incoming.Folder {
	return &incoming.Folder{Dir: string(a.Directory), Settle: a.Settle.Std(), Now: r.Now}
}

// Emptied is what became of the files of a drop folder.
type Emptied struct {
	Acceptance
	Waiting int `json:"waiting"` // files that are not whole yet, or that could not be judged
}

// inputsAtATime bounds how many files of the folder are judged before their verdicts are carried out. All bundles of an
// issuer are written anew for each such part.
const inputsAtATime = 200_000

// Empty takes what is whole in a drop folder. What is accepted stands in the master log before its file is
// moved, so that nothing is lost; what could not be judged stays.
func Empty(ctx context.Context, r *room.Room, dir *incoming.Folder) (*Emptied, error) {
	folder, release, err := dir.Hold()
	if err != nil {
		return nil, err
	}
	defer release()
	ready, waiting, err := folder.Look()
	if err != nil {
		return nil, err
	}
	res := &Emptied{Waiting: len(waiting), Acceptance: Acceptance{Size: r.Log.Log().Size(), Verdicts: []Verdict{}}}
	for len(ready) > 0 && ctx.Err() == nil {
		n := min(len(ready), inputsAtATime)
		part := ready[:n]
		ready = ready[n:]
		inputs := make([]Input, n)
		for i, file := range part {
			inputs[i] = Input{Name: incoming.Printable(file.Name), Size: file.Size,
				Read: func() ([]byte, error) { return readInput(folder, file) }}
		}
		done, err := Inputs(ctx, r, inputs)
		if err != nil {
			return res, err
		}
		res.Size = done.Size
		var closings []incoming.Closing
		for i := range done.Verdicts {
			if c, ok := closing(folder, part[i], &done.Verdicts[i], res); ok {
				closings = append(closings, c)
			}
		}
		if err := folder.CloseAll(closings); err != nil {
			return res, err
		}
	}
	return res, ctx.Err()
}

// readInput reads a file; what is no file will never be one.
func readInput(folder *incoming.Folder, file incoming.File) ([]byte, error) {
	raw, err := folder.Read(file)
	if errors.Is(err, regular.ErrNotRegular) {
		err = room.Refuse("%w", err)
	}
	return raw, err
}

// closing says what the verdict on a file means for it; not ok: it stays.
func closing(folder *incoming.Folder, file incoming.File, v *Verdict, res *Emptied) (c incoming.Closing, ok bool) {
	where, reason := incoming.Accepted, v.text()
	switch {
	case errors.Is(v.err, incoming.ErrChanging), errors.Is(v.err, fs.ErrNotExist):
		res.Waiting++
		return c, false
	case errors.As(v.err, new(*waitError)) && folder.New(file):
		res.Waiting++
		return c, false
	case v.Failed != "":
		res.Waiting++
		res.Verdicts = append(res.Verdicts, *v)
		return c, false
	case v.Refused != "":
		where, reason = incoming.Refused, v.Refused
	}
	res.Verdicts = append(res.Verdicts, *v)
	c = incoming.Closing{File: file, Folder: where, Digest: v.Digest, Reason: reason}
	for _, m := range v.Members {
		if m.Refused != "" {
			c.Members = append(c.Members, incoming.Member{Name: m.Input, Digest: m.Digest, Reason: m.Refused})
		}
	}
	return c, true
}

// text says in one line what was accepted.
func (v *Verdict) text() string {
	text := v.Kind
	if v.Issuer != "" {
		text += " of " + v.Issuer
	}
	if v.Name != "" {
		text += ", public as " + v.Name
	}
	if v.Present {
		text += ", which was here already"
	}
	if v.Note != "" {
		text += "; " + v.Note
	}
	return text
}

// Lines say what became of an input, and of each file of a batch that was not taken.
func (v *Verdict) Lines() []string {
	lines := []string{v.String()}
	for i := range v.Members {
		if m := &v.Members[i]; m.err != nil {
			lines = append(lines, m.String())
		}
	}
	return lines
}

// String says what became of an input.
func (v *Verdict) String() string {
	switch {
	case v.Refused != "":
		return fmt.Sprintf("refused   %s: %s", v.Input, v.Refused)
	case v.Failed != "":
		return fmt.Sprintf("waits     %s: %s", v.Input, v.Failed)
	}
	if v.dryRun {
		return fmt.Sprintf("would accept  %s: %s", v.Input, v.text())
	}
	return fmt.Sprintf("accepted  %s: %s", v.Input, v.text())
}
