//go:build integration

package verify_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestPagesAreAccessible runs axe-core over the pages, in both languages, wide and narrow: WCAG 2.1 A and AA, and its
// own practice for landmarks, headings, tables and names.
func TestPagesAreAccessible(t *testing.T) {
	browser := newBrowser(t)
	for _, page := range []struct {
		name string
		html []byte
	}{{"report", reportPage(t, false)}, {"clean report", reportPage(t, true)}, {"index page", indexPage(t)}} {
		for _, violation := range axe(t, browser, page.html, true) {
			t.Errorf("%s: %s", page.name, violation)
		}
	}
	for name, page := range shiftPages(t) {
		for _, violation := range axe(t, browser, page, false) {
			t.Errorf("%s: %s", name, violation)
		}
	}
}

// TestAxeBites spoils a page and wants to be told.
func TestAxeBites(t *testing.T) {
	browser := newBrowser(t)
	for _, c := range []struct{ old, spoiled, rule string }{
		{"--ink:#1b2430", "--ink:#a0a8b0", "color-contrast"},
		{"<main>", "<div>", "landmark-one-main"},
		{`<html lang="ja">`, "<html>", "html-has-lang"},
		{`for="lang-en"`, `data-for="lang-en"`, "label"},
	} {
		page := reportPage(t, true)
		if !bytes.Contains(page, []byte(c.old)) {
			t.Fatalf("the page has no %s to spoil", c.old)
		}
		page = bytes.Replace(page, []byte(c.old), []byte(c.spoiled), 1)
		if got := strings.Join(axe(t, browser, page, true), "\n"); !strings.Contains(got, " "+c.rule+" ") {
			t.Errorf("with %s instead of %s, axe says nothing of %s: %s", c.spoiled, c.old, c.rule, got)
		}
	}
}

// axe returns the violations of a page, each with its rule, the elements and what to do. A page of both languages is
// looked at in each, a page of one that has colours for the dark in both.
func axe(t *testing.T, browser context.Context, page []byte, both bool) (violations []string) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	dir := t.TempDir()
	write(dir, "page.html", page)
	check(chromedp.Do(ctx, chromedp.Navigate("file://"+filepath.ToSlash(filepath.Join(dir, "page.html")))))
	// The page's policy forbids scripts to the page, not to the debugger.
	_ = must(chromedp.Run(ctx, chromedp.Evaluate[any](axeSource(t)+";null")))
	const look = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
		.then(r => r.violations.map(v => v.impact + " " + v.id + " (" + v.help + "): " + v.nodes.slice(0, 3).map(n => n.target + ": " + n.html.slice(0, 120) + ": " + n.failureSummary).join("; ")))`
	ways := []string{"light", "dark"}
	if both {
		ways = []string{"ja", "en"}
	}
	for _, way := range ways {
		for _, width := range []int64{1100, 375} {
			check(chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)))
			if both {
				check(chromedp.Do(ctx,
					chromedp.Evaluate[chromedp.Void](`document.getElementById("lang-`+way+`").checked = true`)))
			} else {
				colours(ctx, way)
			}
			for _, v := range must(chromedp.Run(ctx, chromedp.Evaluate[[]string](look, chromedp.EvalAwaitPromise))) {
				violations = append(violations, way+": "+v)
			}
		}
	}
	return violations
}

// colours makes the browser prefer light or dark ones.
func colours(ctx context.Context, scheme string) {
	_ = must(chromedp.Call(ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme",
			Value: scheme}}}))
}

func axeSource(t *testing.T) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if b, err := os.ReadFile(filepath.Join(dir, "axe.min.js")); err == nil {
			return string(b)
		}
	}
	t.Fatal("axe.min.js not found beside the tools: run make tools")
	return ""
}
