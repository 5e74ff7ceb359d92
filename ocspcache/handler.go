package ocspcache

import (
	"errors"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"seihon/public"
)

// Defaults of [HandlerConfig].
const (
	DefaultPrefix = "/ocsp"
	DefaultMaxAge = 12 * time.Hour
	DefaultMargin = time.Minute
)

// HandlerConfig says what a [Handler] answers from and how.
type HandlerConfig struct {
	Source Source
	// OCSPPrefix is the path of the responder as the certificates' AIA gives it;
	// "/ocsp" when empty, "/" for the root. A slash at the end makes no difference.
	OCSPPrefix string
	// MaxAge bounds max-age, Margin is the distance it keeps from nextUpdate.
	MaxAge, Margin time.Duration
	// Cadence is the time from thisUpdate to the planned replacement of a
	// response, half of its validity when 0: no cache may keep it for longer than
	// until then. CRLCadence is the same for CRLs.
	Cadence, CRLCadence time.Duration
	Readiness           Readiness
	Metrics             *Metrics
	Now                 func() time.Time
	Logger              *zap.Logger
}

// A Handler answers OCSP requests and serves the public objects of a repository.
// It looks at the path as the client sent it: [http.ServeMux] would clean the
// slashes out of the base64 of a GET request.
type Handler struct {
	source    Source
	prefix    string // without slashes at its ends
	maxAge    int64  // seconds
	margin    int64
	cadence   int64
	crl       time.Duration
	readiness Readiness
	metrics   *Metrics
	now       func() time.Time
	logger    *zap.Logger
	alarmed   atomic.Int64 // Unix time of the last alarm
}

// NewHandler returns a handler for cfg.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	if cfg.Source == nil {
		return nil, errors.New("making OCSP handler: no source")
	}
	if cfg.MaxAge < 0 || cfg.Margin < 0 || cfg.Cadence < 0 || cfg.CRLCadence < 0 {
		return nil, errors.New("making OCSP handler: a duration is negative")
	}
	h := &Handler{
		source: cfg.Source, prefix: strings.Trim(cfg.OCSPPrefix, "/"), cadence: int64(cfg.Cadence / time.Second),
		crl: cfg.CRLCadence, readiness: cfg.Readiness, metrics: cfg.Metrics, now: cfg.Now, logger: cfg.Logger,
	}
	if cfg.OCSPPrefix == "" {
		h.prefix = strings.Trim(DefaultPrefix, "/")
	}
	h.maxAge = int64(orDefault(cfg.MaxAge, DefaultMaxAge) / time.Second)
	h.margin = int64(orDefault(cfg.Margin, DefaultMargin) / time.Second)
	if h.metrics == nil {
		h.metrics = NewMetrics(nil)
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.logger == nil {
		h.logger = zap.NewNop()
	}
	return h, nil
}

func orDefault(d, instead time.Duration) time.Duration {
	if d == 0 {
		return instead
	}
	return d
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A mapped file that someone cut off faults when read. That must cost one
	// answer, not the process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer h.catchFault(w)

	path := strings.TrimLeft(rawPath(r), "/")
	if rest, ok := h.ocspPath(r, path); ok {
		h.serveOCSP(w, r, rest)
		return
	}
	switch path {
	case "healthz":
		h.ServeHealth(w, r)
	case "readyz":
		h.ServeReady(w, r)
	default:
		h.serveObject(w, r, path)
	}
}

// rawPath returns the path as the client sent it, still percent-encoded.
func rawPath(r *http.Request) string {
	path := r.RequestURI
	if len(path) == 0 || path[0] != '/' {
		path = r.URL.EscapedPath() // a proxy's absolute form
	}
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i]
	}
	return path
}

// ocspPath reports whether a path, which has no slash at its start, is one of the
// responder, and returns what follows the responder's own path.
func (h *Handler) ocspPath(r *http.Request, path string) (rest string, ok bool) {
	if h.prefix == "" {
		// The DER of every request begins with 0x30, its base64 with 'M'.
		first := byte(0)
		if path != "" {
			first, _ = cutChar(path)
		}
		return path, r.Method == http.MethodPost || first == 'M'
	}
	rest, ok = strings.CutPrefix(path, h.prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	rest = strings.TrimLeft(rest, "/")
	if r.Method != http.MethodPost && isOCSPObject(rest) {
		return "", false
	}
	// A CA may give each of its issuers an own path below the responder's.
	if issuer, request, nested := strings.Cut(rest, "/"); nested && validIssuer(issuer) {
		rest = request
	}
	return rest, true
}

// isOCSPObject reports whether a path below "ocsp" is a public object. No base64
// of a request looks like one: it begins with 'M', and has no dot.
func isOCSPObject(rest string) bool {
	return public.InResponses(rest)
}

// catchFault turns a fault in a mapped file into tryLater.
func (h *Handler) catchFault(w http.ResponseWriter) {
	p := recover()
	if p == nil {
		return
	}
	fault, ok := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		panic(p)
	}
	h.metrics.faults.Inc()
	h.logger.Error("bundle file was cut off while in use", zap.Error(fault))
	clear(w.Header())
	writeError(w, nil, bodyTryLater)
}

// alarm reports whether it is time to log another alarm: one in a minute, since
// each of thousands of requests a second may give cause.
func (h *Handler) alarm(now int64) bool {
	last := h.alarmed.Load()
	return now-last >= 60 && h.alarmed.CompareAndSwap(last, now)
}
