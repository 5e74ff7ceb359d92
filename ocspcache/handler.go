package ocspcache

import (
	"net/http"
	"time"

	"go.uber.org/zap"
)

// HandlerConfig says what a [Handler] answers from and how.
type HandlerConfig struct {
	Source     Source
	OCSPPrefix string        // path of the responder, "/ocsp" when empty
	MaxAge     time.Duration // upper bound of max-age
	Margin     time.Duration // distance that max-age keeps from nextUpdate
	Cadence    time.Duration // time from thisUpdate to the planned replacement
	Metrics    *Metrics
	Now        func() time.Time
	Logger     *zap.Logger
}

// A Handler answers OCSP requests and serves the public objects of a repository.
type Handler struct{ cfg HandlerConfig }

// NewHandler returns a handler for cfg.
func NewHandler(cfg HandlerConfig) (*Handler, error) { return nil, errOutline }

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
