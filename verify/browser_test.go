//go:build integration

package verify_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestReportInBrowser opens the page in Chromium: the language switch works without script in the page, nothing is
// asked from the network, the console stays empty, no text overflows, and it prints.
func TestReportInBrowser(t *testing.T) {
	var b bytes.Buffer
	check(richReport(t).WriteHTML(&b))
	dir := t.TempDir()
	write(dir, "report.html", b.Bytes())
	ctx, cancel := context.WithTimeout(newBrowser(t), 2*time.Minute)
	defer cancel()
	seen := watch(ctx)
	url := "file://" + filepath.ToSlash(filepath.Join(dir, "report.html"))
	_ = must(chromedp.Call(ctx, network.Enable, network.EnableParams{}))
	_ = must(chromedp.Call(ctx, log.Enable, cdp.Empty{}))
	check(chromedp.Do(ctx, chromedp.Navigate(url)))
	checkLanguage(ctx, t, "ja")
	check(chromedp.Do(ctx, chromedp.Click(chromedp.CSS("label[for=lang-en]"))))
	checkLanguage(ctx, t, "en")
	checkWidth(ctx, t)
	pdf := must(chromedp.Run(ctx, chromedp.PrintToPDF()))
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(pdf) < 20_000 {
		t.Errorf("printing gives %d bytes", len(pdf))
	}
	for _, s := range seen() {
		if s != url {
			t.Errorf("the browser saw %s", s)
		}
	}
}

// newBrowser starts a Chromium of its own, whose pictures do not depend on the screen.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium not found: run make tools")
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(),
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
			chromedp.WindowSize(1100, 900),
			chromedp.Flag("disable-lcd-text", true), chromedp.Flag("font-render-hinting", "none"),
			chromedp.Flag("force-color-profile", "srgb"))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	// starts it: the pages that follow are tabs of one browser
	check(chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	return ctx
}

// watch collects every address that is asked for and everything that the console says.
func watch(ctx context.Context) func() []string {
	var mu sync.Mutex
	var seen []string
	add := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
	}
	check(chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			add(e.Request.URL)
		case *log.EventEntryAdded:
			add("console: " + e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			add("console call")
		case *runtime.EventExceptionThrown:
			add("exception: " + e.ExceptionDetails.Text)
		}
	}))
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), seen...)
	}
}

// checkLanguage makes sure that one language is shown and the other is not.
func checkLanguage(ctx context.Context, t *testing.T, lang string) {
	t.Helper()
	other := map[string]string{"ja": "en", "en": "ja"}[lang]
	count := func(class string) string {
		return `[...document.querySelectorAll("span.` + class + `")].filter(e => e.getClientRects().length > 0).length`
	}
	shown := must(chromedp.Run(ctx, chromedp.Evaluate[int](count(lang))))
	hidden := must(chromedp.Run(ctx, chromedp.Evaluate[int](count(other))))
	if shown < 80 || hidden != 0 {
		t.Errorf("with %s chosen, %d texts in it and %d in the other language are shown", lang, shown, hidden)
	}
}

// checkWidth makes sure that nobody has to scroll sideways, on a narrow screen either.
func checkWidth(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, width := range []int64{1100, 375, 320} {
		check(chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)))
		if wide := must(chromedp.Run(ctx,
			chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))); wide > width {
			t.Errorf("the page is %d wide in a window of %d", wide, width)
		}
	}
}
