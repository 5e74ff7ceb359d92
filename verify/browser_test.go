//go:build integration

package verify_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestReportInBrowser opens the page in Chromium: the language switch works without script in the page, nothing is asked from the
// network, the console stays empty, every landmark is there, no text overflows, and it prints.
func TestReportInBrowser(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium not found: run make tools")
	}
	var b bytes.Buffer
	check(richReport(t).WriteHTML(&b))
	dir := t.TempDir()
	write(dir, "report.html", b.Bytes())
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1100, 900))...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	seen := watch(ctx)
	url := "file://" + filepath.ToSlash(filepath.Join(dir, "report.html"))
	_ = must(chromedp.Call(ctx, network.Enable, network.EnableParams{}))
	_ = must(chromedp.Call(ctx, log.Enable, cdp.Empty{}))
	check(chromedp.Do(ctx, chromedp.Navigate(url)))
	checkLanguage(ctx, t, "ja")
	check(chromedp.Do(ctx, chromedp.Click(chromedp.CSS("label[for=lang-en]"))))
	checkLanguage(ctx, t, "en")
	checkPage(ctx, t)
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

// checkPage looks at what accessibility needs: landmarks, headings in order, names of tables and plots, contrast, and no
// horizontal overflow on a narrow screen.
func checkPage(ctx context.Context, t *testing.T) {
	t.Helper()
	const script = `(() => {
		const bad = [];
		for (const s of ["header", "nav[aria-label]", "main", "h1", "html[lang]"]) if (document.querySelectorAll(s).length !== 1) bad.push("not one " + s);
		let level = 1;
		for (const h of document.querySelectorAll("h1,h2,h3")) { const n = +h.tagName[1]; if (n > level + 1) bad.push("heading jumps to " + h.textContent); level = n; }
		for (const e of document.querySelectorAll("table")) if (!e.caption) bad.push("table without caption");
		for (const e of document.querySelectorAll("svg")) if (!e.getAttribute("aria-label")) bad.push("plot without a name");
		for (const e of document.querySelectorAll("input")) if (!e.labels.length) bad.push("input without label");
		const lum = c => { const v = c.match(/[0-9.]+/g).slice(0, 3).map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
		const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/^rgba.*, 0\)$/.test(c)) return c; } return "rgb(255,255,255)"; };
		for (const e of document.querySelectorAll("p,span,dt,dd,th,td,a,h1,h2,h3,label,pre,caption")) {
			if (!e.getClientRects().length) continue;
			const a = lum(getComputedStyle(e).color), b = lum(ground(e)), r = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (r < 4.5) bad.push("contrast " + r.toFixed(2) + " of " + e.textContent.slice(0, 30));
		}
		if (document.documentElement.scrollWidth > document.documentElement.clientWidth) bad.push("the page is wider than the window");
		return bad.join("\n");
	})()`
	for _, width := range []int64{1100, 380} {
		check(chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)))
		bad := must(chromedp.Run(ctx, chromedp.Evaluate[string](script)))
		if strings.TrimSpace(bad) != "" {
			t.Errorf("at a width of %d: %s", width, bad)
		}
	}
}
