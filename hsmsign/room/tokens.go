package room

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"seihon/hsmsign/token"
	"seihon/internal/config"
)

// A room can have several tokens, such as the old and the new HSM of a transition. One that cannot be used – its
// library is gone, it is not there, the PIN is wrong, the operator's list refuses it – stops what its keys sign and
// nothing else. The token with the log's keys is the exception: without it nothing can be recorded, so nothing is
// signed.

// A RoomToken is one token of the room.
type RoomToken struct {
	config.SigningToken
	*token.Token                // open; nil: it cannot be used
	lost         error          // why not
	verdict      *token.Verdict // which of its keys may sign
}

// A LostToken is the error of whatever needs a key of a token that cannot be used.
type LostToken struct {
	Token config.SigningToken
	Err   error
}

func (e *LostToken) Error() string { return fmt.Sprintf("%s cannot be used: %v", e.Token, e.Err) }

func (e *LostToken) Unwrap() error { return e.Err }

// errRetired is of a token that the operator took out of use.
var errRetired = errors.New("it is retired (signer.tokens): its keys sign nothing any more")

// openTokens opens every token of the room. Only the one with the log's keys must be there.
func (r *Room) openTokens(ctx context.Context, o Options) error {
	for _, t := range o.Config.Signer.AllTokens() {
		rt := &RoomToken{SigningToken: t}
		r.tokens = append(r.tokens, rt)
		if t.Retired {
			rt.lost = errRetired
			continue
		}
		tok, err := token.Open(ctx, TokenConfig(o.Config.Signer, t, r.Now, r.logger))
		if err == nil {
			rt.Token = tok
			continue
		}
		if err := r.lose(rt, emptied(&t.HSM, err)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// lose remembers why a token cannot be used. It returns an error when nothing can be done without that token.
func (r *Room) lose(t *RoomToken, why error) error {
	if t.Name == r.logToken().Name {
		return why
	}
	t.lost = why
	r.logger.Error((&LostToken{t.SigningToken, why}).Error() + "; what its keys sign waits, everything else is done")
	if t.Token == nil {
		return nil
	}
	tok := t.Token
	t.Token = nil
	return tok.Close()
}

// Token returns the token of that name, the first when it is empty.
func (r *Room) Token(name string) (*RoomToken, error) {
	named, err := r.Config.Signer.TokenNamed(name)
	if err != nil {
		return nil, err
	}
	t := r.tokens[slices.IndexFunc(r.tokens, func(t *RoomToken) bool { return t.Name == named.Name })]
	if t.lost != nil {
		return nil, &LostToken{t.SigningToken, t.lost}
	}
	return t, nil
}

// Where names the token behind a key, where there are several.
func (t *RoomToken) Where() string {
	if t.Name == "" {
		return ""
	}
	return " in token " + t.Name
}

// logToken is the token with the keys of the log.
func (r *Room) logToken() config.SigningToken {
	t, _ := r.Config.Signer.TokenNamed(r.Config.Signer.LogToken) // the configuration was found to be valid
	return t
}

// open yields the tokens that can be used.
func (r *Room) open(yield func(*RoomToken) bool) {
	for _, t := range r.tokens {
		if t.lost == nil && !yield(t) {
			return
		}
	}
}

// LostTokens says which tokens cannot be used, and what waits for each of them, by its name.
func (r *Room) LostTokens(waiting map[string][]string) (errs []error) {
	for _, t := range r.tokens {
		waits := waiting[t.Name]
		if t.lost == nil || t.Retired && len(waits) == 0 {
			continue
		}
		what := "nothing that its keys sign was due"
		if len(waits) > 0 {
			what = "not signed: " + strings.Join(waits, ", ")
		}
		errs = append(errs, fmt.Errorf("%w; %s", &LostToken{t.SigningToken, t.lost}, what))
	}
	return errs
}

// Workers is how many steps of a batch keep the sessions of a key's token busy: some prepare and check while others
// wait for it.
func (r *Room) Workers(k config.Key) int {
	t, _ := r.Config.Signer.TokenNamed(k.Token) // the configuration was found to be valid
	return t.Sessions + runtime.GOMAXPROCS(0)
}
