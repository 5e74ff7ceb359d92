package hsmsign

import (
	"fmt"
	"time"

	"seihon/artifact"
	"seihon/internal/config"
	"seihon/inventory"
	"seihon/public"
)

// list is one revocation list of an issuer: a number series, a scope and a schedule.
type list struct {
	*authority
	kind  artifact.Kind
	conf  *config.CRL
	shard int // of conf.Shards; inventory.AllShards when the list is whole
}

// lists returns the revocation lists that the room signs: of every issuer of its own that has a certificate, full lists before
// their deltas.
func (r *Room) lists() []list {
	var out []list
	for i := range r.conf.Issuers {
		if a := r.authorities[r.conf.Issuers[i].Name]; a.cert != nil && !a.External() {
			out = append(out, listsOf(a)...)
		}
	}
	return out
}

func listsOf(a *authority) []list {
	var out []list
	if c := a.CRL; c != nil && c.Shards > 1 {
		for s := range c.Shards {
			out = append(out, list{a, artifact.CRL, c, s})
		}
	} else if c != nil {
		out = append(out, list{a, artifact.CRL, c, inventory.AllShards})
		if c.Delta > 0 {
			out = append(out, list{a, artifact.DeltaCRL, c, inventory.AllShards})
		}
	}
	if a.ARL != nil {
		out = append(out, list{a, artifact.ARL, a.ARL, inventory.AllShards})
	}
	return out
}

func (l list) name() string {
	if l.shard != inventory.AllShards {
		return public.Shard(l.Name, l.shard)
	}
	return public.List(l.Name, l.kind)
}

// series is the number series of the list. A delta shares the series of its base (RFC 5280 §5.2.3).
func (l list) series() string {
	switch {
	case l.shard != inventory.AllShards:
		return fmt.Sprintf("crl/%d", l.shard)
	case l.kind == artifact.ARL:
		return "arl"
	}
	return "crl"
}

func (l list) scope() inventory.Scope {
	if l.kind == artifact.ARL {
		return inventory.CACertificates
	}
	return inventory.AllCertificates
}

func (l list) refresh() time.Duration {
	if l.kind == artifact.DeltaCRL {
		return l.conf.Delta.Std()
	}
	return l.conf.Refresh.Std()
}

func (l list) options() inventory.RevokedOptions {
	o := inventory.RevokedOptions{Scope: l.scope()}
	if l.shard != inventory.AllShards {
		o.Sharded, o.Shard = true, l.shard
	}
	return o
}
