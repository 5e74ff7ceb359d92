package room

import (
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// List is one revocation list of an issuer: a number series, a scope and a schedule.
type List struct {
	*Authority
	Kind   artifact.Kind
	Config *config.CRL
	Shard  int // of conf.Shards; inventory.AllShards when the list is whole
}

// Lists returns the revocation lists that the room signs: of every issuer of its own that has a certificate, full lists
// before their deltas.
func (r *Room) Lists() []List {
	var out []List
	for i := range r.Config.Issuers {
		if a := r.Authorities[r.Config.Issuers[i].Name]; a.Certificate != nil && !a.External() {
			out = append(out, ListsOf(a)...)
		}
	}
	return out
}

// ListsOf returns the lists that the configuration wants of an issuer.
func ListsOf(a *Authority) []List {
	var out []List
	if c := a.CRL; c != nil && c.Shards > 1 {
		for s := range c.Shards {
			out = append(out, List{a, artifact.CRL, c, s})
		}
	} else if c != nil {
		out = append(out, List{a, artifact.CRL, c, inventory.AllShards})
		if c.Delta > 0 {
			out = append(out, List{a, artifact.DeltaCRL, c, inventory.AllShards})
		}
	}
	if a.ARL != nil {
		out = append(out, List{a, artifact.ARL, a.ARL, inventory.AllShards})
	}
	return out
}

// PublicName is the name that the list is published under.
func (l List) PublicName() string {
	if l.Shard != inventory.AllShards {
		return public.Shard(l.Name, l.Shard)
	}
	return public.List(l.Name, l.Kind)
}

// Series is the number series of the list. A delta shares the series of its base (RFC 5280 §5.2.3).
func (l List) Series() string {
	switch {
	case l.Shard != inventory.AllShards:
		return fmt.Sprintf("crl/%d", l.Shard)
	case l.Kind == artifact.ARL:
		return "arl"
	}
	return "crl"
}

func (l List) scope() inventory.Scope {
	if l.Kind == artifact.ARL {
		return inventory.CACertificates
	}
	return inventory.AllCertificates
}

// Refresh is how old a list becomes before it is signed anew.
func (l List) Refresh() time.Duration {
	if l.Kind == artifact.DeltaCRL {
		return l.Config.Delta.Std()
	}
	return l.Config.Refresh.Std()
}

// Options select what the list says of the inventory.
func (l List) Options() inventory.RevokedOptions {
	o := inventory.RevokedOptions{Scope: l.scope()}
	if l.Shard != inventory.AllShards {
		o.Sharded, o.Shard = true, l.Shard
	}
	return o
}
