package adopt

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"seihon/artifact"
	"seihon/ledger"
	"seihon/public"
)

// A master is what the ledger knows, by the ways in which an object is looked up.
type master struct {
	log     *ledger.Log
	trust   *artifact.Trust
	aliases public.Aliases
	current map[string]ledger.Line       // by name
	names   map[artifact.Digest][]string // under which bytes are current
	past    map[artifact.Digest][]string // under which bytes ever were
	lists   []known
}

// A known list is one that is current.
type known struct {
	name   string
	list   *artifact.RevocationList
	issuer *x509.Certificate
}

func readMaster(ctx context.Context, c Config) (*master, error) {
	m := &master{
		log: c.Master, trust: c.Trust, aliases: c.Aliases,
		current: map[string]ledger.Line{}, names: map[artifact.Digest][]string{}, past: map[artifact.Digest][]string{},
	}
	state, err := c.Master.State(ctx, c.Master.Size())
	if err != nil {
		return nil, fmt.Errorf("reading the master: %w", err)
	}
	for line := range state.All() {
		m.current[line.Name] = line
		m.names[line.Digest] = append(m.names[line.Digest], line.Name)
		if !line.Kind.IsRevocationList() || line.History {
			continue
		}
		b, err := c.Master.ReadBlob(ctx, line)
		if err != nil {
			return nil, fmt.Errorf("reading %q from the master: %w", line.Name, err)
		}
		if l, err := artifact.ParseRevocationList(b); err == nil {
			if issuer, err := c.Trust.CheckCRL(l); err == nil {
				m.lists = append(m.lists, known{line.Name, l, issuer})
			}
		}
	}
	for change, err := range c.Master.Changes(ctx, 0, c.Master.Size()) {
		if err != nil {
			return nil, fmt.Errorf("reading the master: %w", err)
		}
		if l := change.Line; l != nil && l.Kind != artifact.OCSPResponse && !slices.Contains(m.past[l.Digest], l.Name) {
			m.past[l.Digest] = append(m.past[l.Digest], l.Name)
		}
	}
	return m, nil
}

// of is the artifact that belongs under a name.
func (m *master) of(name string) string {
	if of, ok := m.aliases.Of(name); ok {
		return of
	}
	return name
}

// synced reports whether a sync writes a name.
func (m *master) synced(name string) bool {
	_, ok := m.current[m.of(name)]
	return ok
}

// sameList finds the current list in whose line a list stands: of the same CA key, of the same kind and the same part.
func (m *master) sameList(l *artifact.RevocationList, issuer *x509.Certificate) *known {
	var all []*known
	for i := range m.lists {
		k := &m.lists[i]
		if bytes.Equal(k.issuer.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) && scope(k.list) == scope(l) {
			all = append(all, k)
		}
	}
	for _, k := range all {
		if len(all) > 1 && slices.Equal(points(k.list), points(l)) {
			return k
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return nil
}

// scope is what certificates a list speaks of, as far as it is not a matter of its part.
func scope(l *artifact.RevocationList) string {
	d := artifact.DistributionPoint{}
	if l.IDP != nil {
		d = *l.IDP
	}
	return fmt.Sprint(l.BaseNumber != nil, d.OnlyCA, d.OnlyUser, d.OnlyAttribute, d.OnlySomeReasons, d.Indirect)
}

func points(l *artifact.RevocationList) []string {
	if l.IDP == nil {
		return nil
	}
	return l.IDP.URIs
}
