package ledger

import (
	"fmt"
	"time"
)

// Encode gives the canonical bytes of the entry, as they are hashed into the log.
func (e *Entry) Encode() ([]byte, error) {
	if typ := e.typ(); typ == "" || e.Type != typ {
		return nil, fmt.Errorf("encoding an entry of type %q: exactly the part of that type must be set", e.Type)
	}
	c := &coder{}
	e.fields(c)
	switch {
	case c.err != nil:
		return nil, fmt.Errorf("encoding an entry of type %q: %w", e.Type, c.err)
	case len(c.buf) > MaxEntry:
		return nil,
			fmt.Errorf("encoding an entry of type %q: %d bytes are more than the %d an entry may have; split it",
				e.Type, len(c.buf), MaxEntry)
	}
	return c.buf, nil
}

// ParseEntry decodes the bytes of an entry and accepts nothing but what Encode
// would have written.
func ParseEntry(data []byte) (*Entry, error) {
	if len(data) > MaxEntry {
		return nil, fmt.Errorf("parsing an entry: %d bytes are more than an entry may have", len(data))
	}
	c := &coder{reading: true, buf: data}
	e := new(Entry)
	e.fields(c)
	if c.err == nil && c.pos != len(data) {
		c.failAt("bytes after the end")
	}
	if c.err != nil {
		return nil, fmt.Errorf("parsing an entry: %w", c.err)
	}
	return e, nil
}

// typ is the type of the part that is set; "" unless it is exactly one.
func (e *Entry) typ() string {
	typ, n := "", 0
	for _, p := range [...]struct {
		set bool
		typ string
	}{
		{e.Batch != nil, TypeBatch}, {e.Issuance != nil, TypeIssuance}, {e.Private != nil, TypePrivate},
		{e.Expiry != nil, TypeExpiry}, {e.Override != nil, TypeOverride}, {e.Exception != nil, TypeException},
		{e.Withdraw != nil, TypeWithdraw}, {e.KeyRotation != nil, TypeKeyRotation},
		{e.Evidence != nil, TypeEvidence}, {e.Anchor != nil, TypeAnchor}, {e.Freeze != nil, TypeFreeze},
		{e.Publish != nil, TypePublish}, {e.Probe != nil, TypeProbe}, {e.Rounds != nil, TypeRounds},
		{e.Verify != nil, TypeVerify}, {e.Refusal != nil, TypeRefusal},
	} {
		if p.set {
			typ, n = p.typ, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return typ
}

// body codes the part of a type.
func (e *Entry) body(c *coder, typ string) {
	switch typ {
	case TypeBatch:
		e.Batch.fields(c)
	case TypeIssuance:
		e.Issuance.fields(c)
	case TypePrivate:
		e.Private.fields(c)
	case TypeExpiry:
		e.Expiry.fields(c)
	case TypeOverride:
		e.Override.fields(c)
	case TypeException:
		e.Exception.fields(c)
	case TypeWithdraw:
		e.Withdraw.fields(c)
	case TypeKeyRotation:
		e.KeyRotation.fields(c)
	case TypeEvidence:
		e.Evidence.fields(c)
	case TypeAnchor:
		e.Anchor.fields(c)
	case TypeFreeze:
		e.Freeze.fields(c)
	case TypePublish:
		e.Publish.fields(c)
	case TypeProbe:
		e.Probe.fields(c)
	case TypeRounds:
		e.Rounds.fields(c)
	case TypeVerify:
		e.Verify.fields(c)
	case TypeRefusal:
		e.Refusal.fields(c)
	}
}

// allot makes the part that a type name wants, for reading.
func (e *Entry) allot(typ string) {
	switch typ {
	case TypeBatch:
		e.Batch = new(Batch)
	case TypeIssuance:
		e.Issuance = new(Issuance)
	case TypePrivate:
		e.Private = new(Private)
	case TypeExpiry:
		e.Expiry = new(Expiry)
	case TypeOverride:
		e.Override = new(Override)
	case TypeException:
		e.Exception = new(Exception)
	case TypeWithdraw:
		e.Withdraw = new(Withdraw)
	case TypeKeyRotation:
		e.KeyRotation = new(KeyRotation)
	case TypeEvidence:
		e.Evidence = new(Evidence)
	case TypeAnchor:
		e.Anchor = new(Anchor)
	case TypeFreeze:
		e.Freeze = new(Freeze)
	case TypePublish:
		e.Publish = new(Publish)
	case TypeProbe:
		e.Probe = new(Probe)
	case TypeRounds:
		e.Rounds = new(Rounds)
	case TypeVerify:
		e.Verify = new(Verify)
	case TypeRefusal:
		e.Refusal = new(Refusal)
	}
}

// fields codes {"body":{…},"time":"…","type":"…","v":1}. The type comes after
// the body in the canonical order, so a reader looks ahead for it: at the end
// of the entry, where nothing but the type and the version can stand.
func (e *Entry) fields(c *coder) {
	if c.reading {
		e.allot(typeAtEnd(c.buf))
	}
	typ := e.typ()
	if typ == "" {
		c.fail("not an entry of version %d of a known type", EntryVersion)
		return
	}
	v := int64(EntryVersion)
	c.object(func() {
		if c.key("body", true, false) {
			c.object(func() { e.body(c, typ) })
		}
		c.time("time", &e.Time)
		c.text("type", &e.Type)
		c.int("v", &v)
	})
	if c.reading {
		e.V = int(v)
		if c.err == nil && (e.Type != typ || v != EntryVersion) {
			c.fail("not an entry of version %d of a known type", EntryVersion)
		}
	}
}

// typeAtEnd finds the type in …,"type":"T","v":N}.
func typeAtEnd(b []byte) string {
	end := len(b)
	quote := func() int {
		for end--; end >= 0 && b[end] != '"'; end-- {
		}
		return end
	}
	quote() // after v
	quote() // before v
	to := quote()
	from := quote()
	if from < 0 || to <= from {
		return ""
	}
	return string(b[from+1 : to])
}

func (b *Batch) fields(c *coder) {
	c.int("count", &b.Count)
	c.digest("manifest", &b.Manifest)
	c.note("note", &b.Note)
	c.hash("root", &b.Root)
	c.int("size", &b.Size)
}

func (i *Issuance) fields(c *coder) {
	c.int("count", &i.Count)
	c.text("issuer", &i.Issuer)
	c.hash("root", &i.Root)
	c.int("total", &i.Total)
}

func (p *Private) fields(c *coder) {
	c.int("count", &p.Count)
	c.digest("manifest", &p.Manifest)
	c.hash("root", &p.Root)
	c.int("size", &p.Size)
}

func (x *Expiry) fields(c *coder) {
	list(c, "entries", &x.Entries, func(e *Expired) {
		c.object(func() {
			c.time("not-after", &e.NotAfter)
			c.text("serial", &e.Serial)
		})
	})
	c.text("issuer", &x.Issuer)
}

func (o *Override) fields(c *coder) {
	list(c, "changes", &o.Changes, func(s *StatusChange) {
		c.object(func() {
			c.text("now", &s.Now)
			c.text("serial", &s.Serial)
			c.text("was", &s.Was)
		})
	})
	c.text("issuer", &o.Issuer)
	c.text("text", &o.Text)
}

func (x *Exception) fields(c *coder) {
	c.text("issuer", &x.Issuer)
	c.text("text", &x.Text)
}

func (w *Withdraw) fields(c *coder) {
	list(c, "names", &w.Names, func(n *WithdrawnName) {
		c.object(func() {
			c.digest("digest", &n.Digest)
			c.text("name", &n.Name)
			c.note("reason", &n.Reason)
		})
	})
}

func (k *KeyRotation) fields(c *coder) {
	c.text("acceptance", &k.Acceptance)
	list(c, "new", &k.New, c.string)
	list(c, "old", &k.Old, c.string)
	c.note("reason", &k.Reason)
}

func (e *Evidence) fields(c *coder) {
	c.digest("digest", &e.Digest)
	c.text("kind", &e.Kind)
	c.note("name", &e.Name)
	c.note("note", &e.Note)
	c.int("size", &e.Size)
}

func (a *Anchor) fields(c *coder) {
	c.optionalDigest("digest", &a.Digest)
	c.text("kind", &a.Kind)
	c.note("note", &a.Note)
	c.hash("root", &a.Root)
	c.int("size", &a.Size)
	c.text("where", &a.Where)
}

func (f *Freeze) fields(c *coder) {
	c.text("reason", &f.Reason)
	c.note("successor", &f.Successor)
}

func (p *Publish) fields(c *coder) {
	c.hash("master-root", &p.MasterRoot)
	c.int("master-size", &p.MasterSize)
	list(c, "receipts", &p.Receipts, func(r *Receipt) {
		c.object(func() {
			c.optionalDigest("digest", &r.Digest)
			c.note("etag", &r.ETag)
			c.note("generation", &r.Generation)
			c.kind("kind", &r.Kind)
			c.text("name", &r.Name)
			c.text("op", &r.Op)
			c.int("size", &r.Size)
			c.time("time", &r.Time)
			c.note("version", &r.Version)
		})
	})
	c.text("target", &p.Target)
}

func (p *Probe) fields(c *coder) {
	list(c, "samples", &p.Samples, func(s *Sample) {
		us := s.Latency.Microseconds()
		c.object(func() {
			c.note("error", &s.Error)
			c.int("latency-us", &us)
			c.bool("ok", &s.OK)
			c.note("says", &s.Says)
			c.optionalDigest("sha256", &s.Digest)
			c.int("status", &s.Status)
			c.time("time", &s.Time)
			c.text("url", &s.URL)
			c.note("version", &s.Version)
		})
		if c.reading {
			s.Latency = time.Duration(us) * time.Microsecond
		}
	})
	c.text("target", &p.Target)
	c.note("vantage", &p.Vantage)
}

func (v *Verify) fields(c *coder) {
	list(c, "findings", &v.Findings, func(f *FindingCount) {
		c.object(func() {
			c.text("code", &f.Code)
			c.int("count", &f.Count)
			c.text("severity", &f.Severity)
		})
	})
	c.hash("master-root", &v.MasterRoot)
	c.int("master-size", &v.MasterSize)
	c.int("objects", &v.Objects)
	c.bool("ok", &v.OK)
	c.optionalDigest("report", &v.Report)
	c.text("target", &v.Target)
}

func (r *Refusal) fields(c *coder) {
	c.digest("digest", &r.Digest)
	c.kind("kind", &r.Kind)
	c.text("name", &r.Name)
	c.text("reason", &r.Reason)
	c.text("rule", &r.Rule)
	c.text("target", &r.Target)
}
