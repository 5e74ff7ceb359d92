package ocspcache

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// An accessLog logs one request in so many. The others pay for a counter.
type accessLog struct {
	next   http.Handler
	every  uint64
	count  atomic.Uint64
	now    func() time.Time
	logger *zap.Logger
}

// maxLoggedPath cuts off what a hostile client puts into the log.
const maxLoggedPath = 512

func (l *accessLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.count.Add(1)%l.every != 0 {
		l.next.ServeHTTP(w, r)
		return
	}
	start := l.now()
	counted := &statusWriter{ResponseWriter: w}
	l.next.ServeHTTP(counted, r)
	path := r.RequestURI
	l.logger.Info("request", zap.String("method", r.Method), zap.String("path", path[:min(len(path), maxLoggedPath)]),
		zap.Int("status", counted.code()), zap.Int64("bytes", counted.bytes), zap.String("remote", r.RemoteAddr),
		zap.String("proto", r.Proto), zap.Uint64("sample", l.every), zap.Duration("elapsed", l.now().Sub(start)))
}
