//go:build !nocloud

package telemetry

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestNothingWithoutConfiguration has a nil Telemetry do nothing at all.
func TestNothingWithoutConfiguration(t *testing.T) {
	before := runtime.NumGoroutine()
	var none *Telemetry
	ctx, span := none.Tracer().Start(t.Context(), "x")
	if span.IsRecording() || span.SpanContext().IsValid() {
		t.Error("a span is recorded")
	}
	logger, next := zap.NewNop(), http.NotFoundHandler()
	if none.Log(ctx, logger) != logger {
		t.Error("the logger was changed")
	}
	if err := none.Textfile([]byte("no figures at all {")); err != nil {
		t.Error(err)
	}
	none.Gather(nil)
	if _, same := none.Requests(next, 1).(http.HandlerFunc); !same {
		t.Error("the handler was changed")
	}
	none.Stop(ctx)
	if now := runtime.NumGoroutine(); now != before {
		t.Errorf("%d goroutines, %d before", now, before)
	}
}

// TestStopEndsEverything starts all three signals and looks for what is left of them.
func TestStopEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	x, err := Start(t.Context(), Config{
		Endpoint: "http://127.0.0.1:1", Signals: []string{"traces", "metrics", "logs"}, Interval: time.Minute,
		Logger: zap.NewNop(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if runtime.NumGoroutine() == before {
		t.Error("no goroutine was started: the test proves nothing")
	}
	x.Stop(t.Context())
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestQuietLogIsPushedQuietly(t *testing.T) {
	x, err := Start(t.Context(),
		Config{Endpoint: "http://127.0.0.1:1", Signals: []string{"logs"}, Logger: zap.NewNop(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Stop(context.Background())
	core, seen := observer.New(zapcore.ErrorLevel)
	logger := x.Log(t.Context(), zap.New(core))
	if logger.Core().Enabled(zapcore.InfoLevel) || !logger.Core().Enabled(zapcore.ErrorLevel) {
		t.Error("what is pushed is not what is logged")
	}
	logger.Error("x")
	if seen.Len() != 1 {
		t.Error("the local log lost a line")
	}
}

// TestWarning is one line an hour, without the secret and of bounded length.
func TestWarning(t *testing.T) {
	core, seen := observer.New(zapcore.InfoLevel)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	x := &Telemetry{secrets: []string{"s3cret", "s3cret-and-more"}, logger: zap.New(core),
		now: func() time.Time { return now }}
	for range 3 {
		x.warn(errors.New("it said s3cret-and-more\nand s3cret " + strings.Repeat("é", 400)))
	}
	now = now.Add(time.Hour)
	x.warn(errors.New("still"))
	if seen.Len() != 2 {
		t.Fatalf("%d lines, want 2", seen.Len())
	}
	text := seen.All()[0].ContextMap()["err"].(string)
	if strings.Contains(text, "s3cret") || !strings.HasPrefix(text, "it said [header] and [header] ") ||
		len(text) > maxWarning+len("…") {
		t.Errorf("the warning is %q", text)
	}
}

func TestHeaders(t *testing.T) {
	write := func(text string, mode os.FileMode) string {
		file := filepath.Join(t.TempDir(), "otlp")
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	got, err := FileHeaders(write("# ours\n\nAuthorization: Bearer a:b\nx-scope:  tenant \n", 0o600))
	if err != nil || len(got) != 2 || got["Authorization"] != "Bearer a:b" || got["x-scope"] != "tenant" {
		t.Errorf("headers %v, %v", got, err)
	}
	for name, file := range map[string]string{
		"readable by others": write("A: b\n", 0o640), "no colon": write("A b-s3cret\n", 0o600),
		"no value": write("A:\n", 0o600),
		"bad name": write("A s3cret: b\n", 0o600), "a folder": t.TempDir(),
		"missing": filepath.Join(t.TempDir(), "none"),
	} {
		if _, err := FileHeaders(file); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	file := write("A: b\n", 0o440) // as systemd makes them
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(file))
	if got, err := CredentialHeaders("otlp"); err != nil || got["A"] != "b" {
		t.Errorf("headers of a credential: %v, %v", got, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := CredentialHeaders("otlp"); err == nil || !strings.Contains(err.Error(), "LoadCredential=otlp") {
		t.Errorf("error %v", err)
	}
}

func TestTextfileIsRead(t *testing.T) {
	x := &Telemetry{}
	if err := x.Textfile([]byte("# TYPE a gauge\na{target=\"x\"} 3\n# TYPE b counter\nb 4\n")); err != nil {
		t.Fatal(err)
	}
	families, err := x.figures.Gather()
	if err != nil || len(families) != 2 {
		t.Errorf("%v, %v", families, err)
	}
	if err := x.Textfile([]byte("a{ 3\n")); err == nil {
		t.Error("nonsense was read as figures")
	}
}
