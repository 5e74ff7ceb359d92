package verify

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/verify/report"
)

// checkNames reports aliases of what the master does not have.
func (c *checker) checkNames() {
	for _, a := range c.Aliases {
		if _, ok := c.state.Get(a.Artifact); !ok {
			c.Found(report.Finding{Code: "alias-without-artifact", Source: report.SourcePins, Name: a.Name,
				Want: a.Artifact})
		}
	}
}

// aliases compares every alias of what the copy promises with the master of its artifact.
func (k *copyCheck) aliases(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(k.Workers)
	for _, a := range k.Aliases {
		line, ok := k.state.Get(a.Artifact)
		if !ok || !k.published(line.Kind) {
			continue
		}
		k.expected[a.Name] = true
		g.Go(func() error {
			k.compareAlias(gctx, a.Name, line)
			return gctx.Err()
		})
	}
	return g.Wait()
}

// compareAlias compares what lies at one alias with the line of its artifact.
func (k *copyCheck) compareAlias(ctx context.Context, alias string, line ledger.Line) {
	f := report.Finding{Code: "alias-different", Name: alias, Want: line.Digest.String(),
		Detail: "it is a further name of " + line.Name}
	here := line
	here.Name = alias
	look := k.lookAtAlias
	if k.Tier == report.TierList {
		look = k.sizeOfAlias
	}
	switch err := look(ctx, here, &f); {
	case ctx.Err() != nil, err == nil:
		return
	case errors.Is(err, errNotAsked):
		k.notAsked.Add(1)
		return
	case errors.Is(err, ErrNotFound):
		f.Code = "alias-missing"
	case !errors.Is(err, errDifferent):
		f.Code = "copy-unreadable"
		f.Detail += "; " + err.Error()
	}
	k.report(f)
}

// errDifferent says that the finding tells what lies at an alias instead of its artifact.
var errDifferent = errors.New("it is different")

// lookAtAlias reads what lies at an alias; here is the line of its artifact, under the alias.
func (k *copyCheck) lookAtAlias(ctx context.Context, here ledger.Line, f *report.Finding) error {
	if k.taken(here.Name, here.Digest, here.Size) {
		k.remember(here, here.Digest)
		return nil
	}
	got, o, err := k.digest(ctx, here.Name, here.Size)
	if err != nil && !errors.Is(err, errLonger) {
		return err
	}
	k.remember(here, got)
	fine := k.checkHeaders(here.Name, here.Kind, &here, o)
	if got == here.Digest {
		if fine {
			k.done(here.Name, got, here.Size, o)
		}
		return nil
	}
	return k.differentAlias(ctx, here, got, f)
}

// differentAlias says what lies at an alias instead of its artifact. What a sync that is under way put there is no
// fault.
func (k *copyCheck) differentAlias(ctx context.Context, here ledger.Line, got artifact.Digest,
	f *report.Finding) error {
	of := k.artifactOf(here.Name)
	promised := k.past.lineAt(of, k.size)
	if !got.IsZero() {
		f.Got = got.String()
	}
	if vs := k.past.byDigest[got]; len(vs) > 0 {
		if vs[0].Name == of && promised != nil && vs[0].index > promised.index {
			f.Code, f.Severity = "copy-ahead", report.Note
		}
		f.Detail += "; the master of " + describe(vs[0])
		return errDifferent
	}
	why := k.explain(ctx, here)
	if why == "" {
		return nil // explain reported a private key
	}
	f.Detail += "; " + why
	return errDifferent
}

// sizeOfAlias compares by what a listing tells.
func (k *copyCheck) sizeOfAlias(ctx context.Context, here ledger.Line, f *report.Finding) error {
	h, ok := k.src.(Heads)
	if !ok {
		return nil // the artifact's own name has said so
	}
	got, err := k.head(ctx, h, here.Name)
	if err != nil {
		return err
	}
	k.objects.Add(1)
	if got.Size >= 0 && got.Size != here.Size {
		f.Want, f.Got = bytesText(here.Size), bytesText(got.Size)
		return errDifferent
	}
	if !got.Digest.IsZero() && got.Digest != here.Digest {
		f.Got = got.Digest.String()
		return errDifferent
	}
	return nil
}

// artifactOf is the name by which the master knows what lies at a name.
func (c *checker) artifactOf(name string) string {
	if of, ok := c.Aliases.Of(name); ok {
		return of
	}
	return name
}

// AliasPins returns the aliases of a configuration as an auditor keeps them.
func (c *Config) AliasPins() (pins []string) {
	for _, a := range c.Aliases {
		pins = append(pins, fmt.Sprintf("%s = %s", a.Name, a.Artifact))
	}
	return pins
}
