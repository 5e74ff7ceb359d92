package ledger

import (
	"fmt"
	"time"
)

// Encode gives the canonical bytes of the entry, as they are hashed into the log.
func (e *Entry) Encode() ([]byte, error) {
	body, typ := e.body()
	if body == nil || e.Type != typ {
		return nil, fmt.Errorf("encoding an entry of type %q: exactly the part of that type must be set", e.Type)
	}
	c := &coder{}
	e.fields(c)
	switch {
	case c.err != nil:
		return nil, fmt.Errorf("encoding an entry of type %q: %w", e.Type, c.err)
	case len(c.buf) > MaxEntry:
		return nil, fmt.Errorf("encoding an entry of type %q: %d bytes are more than the %d an entry may have; split it", e.Type, len(c.buf), MaxEntry)
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

// body is the part of the entry that is set, and its type; nil unless it is exactly one.
func (e *Entry) body() (body func(*coder), typ string) {
	n := 0
	set := func(is bool, t string, f func(*coder)) {
		if is {
			n, body, typ = n+1, f, t
		}
	}
	set(e.Batch != nil, TypeBatch, e.Batch.fields)
	set(e.Withdraw != nil, TypeWithdraw, e.Withdraw.fields)
	set(e.KeyRotation != nil, TypeKeyRotation, e.KeyRotation.fields)
	set(e.Evidence != nil, TypeEvidence, e.Evidence.fields)
	set(e.Anchor != nil, TypeAnchor, e.Anchor.fields)
	set(e.Freeze != nil, TypeFreeze, e.Freeze.fields)
	set(e.Publish != nil, TypePublish, e.Publish.fields)
	set(e.Probe != nil, TypeProbe, e.Probe.fields)
	set(e.Verify != nil, TypeVerify, e.Verify.fields)
	set(e.Refusal != nil, TypeRefusal, e.Refusal.fields)
	if n != 1 {
		return nil, ""
	}
	return body, typ
}

// allot makes the part that a type name wants, for reading.
func (e *Entry) allot(typ string) {
	switch typ {
	case TypeBatch:
		e.Batch = new(Batch)
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
	body, typ := e.body()
	if body == nil {
		c.fail("not an entry of version %d of a known type", EntryVersion)
		return
	}
	v := int64(EntryVersion)
	c.object(func() {
		if c.key("body", true, false) {
			c.object(func() { body(c) })
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
			c.int("status", &s.Status)
			c.time("time", &s.Time)
			c.text("url", &s.URL)
		})
		if c.reading {
			s.Latency = time.Duration(us) * time.Microsecond
		}
	})
	c.text("target", &p.Target)
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
