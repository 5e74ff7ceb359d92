package ocspcache

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A connLimit bounds the number of connections. When there is one too many, it
// closes one that is waiting for its next request, of a sample the one that has
// waited for longest: a crowd of idle connections cannot keep others out.
//
// Requests mark their connection without a lock: only opening and closing one
// takes it.
type connLimit struct {
	max   int
	ticks atomic.Int64 // a clock of requests, to tell which wait began first
	mu    sync.Mutex
	all   map[net.Conn]*tracked
}

// A tracked connection is busy while a request of it is being answered.
type tracked struct {
	conn  net.Conn
	busy  atomic.Bool
	since atomic.Int64 // tick at which it began to wait
}

// evictionSample is how many waiting connections are compared.
const evictionSample = 64

func newConnLimit(most int) *connLimit {
	return &connLimit{max: most, all: make(map[net.Conn]*tracked)}
}

type trackedKey struct{}

// attach makes a server observe the limit.
func (c *connLimit) attach(s *http.Server) {
	next := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, ok := r.Context().Value(trackedKey{}).(*tracked); ok {
			t.busy.Store(true)
			defer c.rest(t)
		}
		next.ServeHTTP(w, r)
	})
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, trackedKey{}, c.add(conn))
	}
	s.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			c.remove(conn)
		}
	}
}

func (c *connLimit) rest(t *tracked) {
	t.since.Store(c.ticks.Add(1))
	t.busy.Store(false)
}

// add registers a connection, and closes another one when there are too many.
func (c *connLimit) add(conn net.Conn) *tracked {
	t := &tracked{conn: conn}
	t.since.Store(c.ticks.Add(1))
	if victim := c.admit(t); victim != nil {
		conn := victim.conn
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn() // no parting words, which could block
		}
		_ = conn.Close() // it is given up
	}
	return t
}

// admit registers t and returns the connection that must go for it, if any.
func (c *connLimit) admit(t *tracked) (victim *tracked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[t.conn] = t
	if len(c.all) <= c.max {
		return nil
	}
	victim = c.victim(t)
	delete(c.all, victim.conn)
	return victim
}

// victim returns the connection to give up: the new one when all others are busy.
func (c *connLimit) victim(newest *tracked) *tracked {
	victim, seen := newest, 0
	for _, t := range c.all { // from a random place
		if t.busy.Load() {
			continue
		}
		if t.since.Load() < victim.since.Load() {
			victim = t
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	return victim
}

func (c *connLimit) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, conn)
}
