package ocspcache

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"

	"go.uber.org/zap"

	"seihon/public"
)

// serveObject serves a public object by its name. There is no redirect, no
// directory listing and no compression: a name has exactly the published bytes.
func (h *Handler) serveObject(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.metrics.objects.WithLabelValues("405").Inc()
		notAllowed(w, "GET, HEAD")
		return
	}
	name, err := url.PathUnescape(path)
	if err != nil {
		h.noObject(w, name, fs.ErrNotExist)
		return
	}
	if name == "" {
		name = public.Index
	}
	o, err := h.source.Open(r.Context(), name)
	if err != nil {
		h.noObject(w, name, err)
		return
	}
	defer o.Close()
	header := w.Header()
	h.describeObject(header, o)
	h.extendDeadline(w, o)
	counted := &statusWriter{ResponseWriter: w}
	http.ServeContent(counted, r, "", o.lastModified(), o)
	h.metrics.objects.WithLabelValues(strconv.Itoa(counted.code())).Inc()
}

// extendDeadline gives a large object the time that a slow line needs for it.
func (h *Handler) extendDeadline(w http.ResponseWriter, o *Object) {
	size, err := o.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = o.Seek(0, io.SeekStart)
	}
	if err == nil && size > 1<<20 {
		// A writer without deadlines has no limit to extend either.
		_ = http.NewResponseController(w).SetWriteDeadline(h.now().Add(timeFor(size)))
	}
}

// describeObject sets the header fields of an object from the table that
// publishing uses too.
func (h *Handler) describeObject(header http.Header, o *Object) {
	now := h.now()
	of := public.HeaderFor(o.Kind, o.ThisUpdate, o.NextUpdate, now, h.crl)
	header.Set("Content-Type", of.ContentType)
	header.Set("Cache-Control", of.CacheControl)
	header.Set("X-Content-Type-Options", "nosniff")
	if !of.Expires.IsZero() {
		header.Set("Expires", of.Expires.UTC().Format(http.TimeFormat))
	}
	if !o.Digest.IsZero() {
		header["Etag"] = []string{`"` + o.Digest.String() + `"`}
	}
}

// noObject answers for an object that cannot be given out. Why is for the log:
// outside, all that is not public does not exist.
func (h *Handler) noObject(w http.ResponseWriter, name string, err error) {
	code, text := http.StatusNotFound, "no such object"
	switch {
	case errors.Is(err, fs.ErrPermission):
		h.logger.Error("object withheld", zap.String("name", name), zap.Error(err))
	case !errors.Is(err, fs.ErrNotExist):
		h.logger.Error("object cannot be read", zap.String("name", name), zap.Error(err))
		code, text = http.StatusServiceUnavailable, "try later"
	}
	h.metrics.objects.WithLabelValues(strconv.Itoa(code)).Inc()
	w.Header().Set("Cache-Control", valueUncacheable[0])
	http.Error(w, text, code)
}

// A statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives [http.ResponseController] the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
