package dashboard

import (
	"fmt"
	"strings"
	"time"

	"seihon/artifact"
	"seihon/internal/shelflife"
	"seihon/verify/report"
	"seihon/verify/status"
)

// status writes all sections.
func (b *builder) status(s *status.Status) {
	b.state(s)
	b.concerns(s)
	b.targets(s)
	b.life(s)
	b.raw(`<div class="column">`)
	b.runs(s)
	b.reviews(s)
	b.raw("</div>\n")
}

// state is the whole in one word, one sentence and the figures that a shift asks for first.
func (b *builder) state(s *status.Status) {
	class, word := "ok", b.t("正常", "OK")
	switch {
	case s.Critical:
		class, word = "critical", b.t("重大", "CRITICAL")
	case s.Warn:
		class, word = "warning", b.t("注意", "WARNING")
	}
	b.section("state", "state all "+class, word, "")
	b.raw("<p>", b.summary(s), "</p>")
	b.raw("<dl class=\"tiles\">")
	b.tile(b.t("次の期限まで", "Until the first expiry"), b.firstLeft(s), b.first(s))
	b.tile(b.t("期限切れ", "Expired"), b.figure("expired", "", fmt.Sprint(s.Expired)),
		b.f("公開中の %d 件のうち", "of %d current artifacts", len(s.ShelfLife)))
	behind, behindMore := b.behind(s)
	b.tile(b.t("遅れている公開先", "Targets behind"), behind, behindMore)
	check, checkMore := b.lastCheck(s)
	b.tile(b.t("直近の検証", "Last verification"), check, checkMore)
	day, dayMore := b.wholeDay(s)
	b.tile(b.t("24 時間の観測", "Probes of 24 h"), day, dayMore)
	b.raw("</dl>")
	b.end()
}

// tile is one figure; value and more are HTML.
func (b *builder) tile(title, value, more string) {
	b.raw("<div><dt>", esc(title), "</dt><dd>", value, "</dd>")
	if more != "" {
		b.raw(`<dd class="more">`, more, "</dd>")
	}
	b.raw("</div>")
}

// summary counts the concerns.
func (b *builder) summary(s *status.Status) string {
	var parts []string
	for _, severity := range []report.Severity{report.Critical, report.Error, report.Warning, report.Note} {
		labels := fmt.Sprintf("severity=%q", severity)
		words := severities[severity]
		parts = append(parts,
			b.f("%s %s 件", "%s: %s", b.t(words[0], words[1]),
				b.figure("concerns", labels, b.figures["concerns{"+labels+"}"])))
	}
	return strings.Join(parts, b.t("、", ", ")) + b.t("。", ".")
}

func (b *builder) firstLeft(s *status.Status) string {
	if s.First.IsZero() {
		return b.figure("first_expiry_seconds", "", "–")
	}
	return b.figure("first_expiry_seconds", "", esc(b.left(s.First)))
}

func (b *builder) first(s *status.Status) string {
	for _, l := range s.ShelfLife {
		if !artifact.Kind(l.Kind).IsCertificate() {
			return b.f("%s、%s（今後署名がない場合）", "%s, %s, if nothing more is signed", esc(l.Name), b.at(l.NextUpdate))
		}
	}
	return b.t("期限のある失効リストも応答も公開されていない", "no list or response with an end is current")
}

func (b *builder) behind(s *status.Status) (value, more string) {
	if s.Publication == nil {
		return "–", b.t("公開ログがなく、公開先については不明", "no publication log here: nothing is known of targets")
	}
	var names []string
	for _, t := range s.Targets {
		if t.Behind > 0 {
			names = append(names, t.Name)
		}
	}
	return b.f("%d / %d", "%d of %d", len(names), len(s.Targets)), esc(strings.Join(names, b.t("、", ", ")))
}

func (b *builder) lastCheck(s *status.Status) (value, more string) {
	v := s.Verification
	switch {
	case v == nil:
		return "–", b.t("検証の記録がない", "none is on record")
	case v.OK:
		value = b.t("指摘なし", "no finding")
	default:
		value = b.t("指摘あり", "findings")
	}
	return value, b.f("%s（%s）", "%s (%s)", esc(b.ago(v.At)), b.at(v.At))
}

func (b *builder) wholeDay(s *status.Status) (value, more string) {
	tried, good := 0, 0
	for i := range s.Targets {
		n, ok := s.Targets[i].Day()
		tried, good = tried+n, good+ok
	}
	if tried == 0 {
		return "–", b.t("観測されていない。稼働状況は不明", "nobody asked: nothing is known")
	}
	return percent(good, tried), b.f("観測 %d 件のうち正常 %d 件", "%[2]d good of %[1]d samples", tried, good)
}

// concerns lists what is not well, with what to do.
func (b *builder) concerns(s *status.Status) {
	if len(s.Concerns) == 0 {
		return
	}
	note := ""
	if v := s.Verification; v != nil && len(v.Findings) > 0 {
		note = b.f("検証による指摘は %sのもの", "what verification found is of %s", b.ago(v.At))
	}
	b.section("concerns", "all concern", b.t("対応が必要なもの", "What to look at"), note)
	b.table(b.t("対応が必要なもの", "What to look at"), b.t("重要度", "severity"), b.t("内容", "what"), b.t("対応", "what to do"))
	for _, c := range s.Concerns {
		what := esc(b.t(c.TextJA, c.TextEN))
		if c.Name != "" {
			what += b.t("：", ": ") + "<strong>" + esc(c.Name) + "</strong>"
		}
		if c.Count > 0 {
			labels := fmt.Sprintf("code=%q,severity=%q", c.Code, c.Severity)
			what += b.t("：", ": ") + b.figure("verification_findings", labels, b.f("%d 件", "%d times", c.Count))
		}
		b.raw(`<tr class="`, class(c.Severity), `"><th scope="row">`, b.severity(c.Severity), "</th><td>", what,
			" <small><code>", esc(c.Code), "</code></small></td><td>",
			esc(b.t(c.HintJA, c.Hint)), "</td></tr>")
	}
	b.endTable()
	b.end()
}

// class is the name of a known severity; others have none.
func class(s report.Severity) string {
	if _, ok := severities[s]; ok {
		return string(s)
	}
	return ""
}

// mostLives is how many artifacts are shown by name: a list in a thousand parts has a thousand.
const mostLives = 100

// life is the shelf life of each artifact.
func (b *builder) life(s *status.Status) {
	note := b.t("先に切れるものから", "the first to expire first")
	if n := len(s.ShelfLife); n > mostLives {
		note = b.f("先に切れる %d 件（全 %d 件）", "the first %d to expire, of %d", mostLives, n)
	}
	b.section("life", "", b.t("有効期限", "Shelf life"), note)
	if len(s.ShelfLife) == 0 {
		b.raw("<p>", b.t("期限のあるものは公開されていない。", "Nothing with an end is current."), "</p>")
		b.end()
		return
	}
	b.table(b.t("有効期限", "Shelf life"), b.t("名前と種別", "name and kind"), b.t("=有効期間のうち残り", "=left of its validity"),
		b.t(">残り", ">left"), b.t(">期限", ">until"))
	for i := range s.ShelfLife[:min(len(s.ShelfLife), mostLives)] {
		l := &s.ShelfLife[i]
		kind := b.kind(l.Kind)
		// a serial number is not what a shift looks for
		if l.Number != "" && !artifact.Kind(l.Kind).IsCertificate() && len(l.Number) <= 24 {
			kind += b.f(" 第 %s 号", ", number %s", l.Number)
		}
		b.raw(`<tr><th scope="row">`, esc(l.Name), "<br><small>", esc(kind), `</small></th><td class="life">`,
			b.lifeBar(l, s.Within), `</td><td class="n">`,
			b.lifeLeft(l), `</td><td class="n">`, b.figure("next_update_seconds", l.Labels(), b.at(l.NextUpdate)),
			"</td></tr>")
	}
	b.endTable()
	b.end()
}

// lifeLeft is how long an artifact still holds, marked when it does not.
func (b *builder) lifeLeft(l *report.ShelfLife) string {
	if artifact.Stale(l.NextUpdate, b.made) {
		return b.bad(b.left(l.NextUpdate))
	}
	return esc(b.left(l.NextUpdate))
}

// lifeBar draws how much of its validity an artifact has left. The column beside it says the same in words.
func (b *builder) lifeBar(l *report.ShelfLife, within status.Within) string {
	left, whole := l.NextUpdate.Sub(b.made), l.NextUpdate.Sub(l.ThisUpdate)
	width, class := 0.0, "left"
	if whole > 0 {
		width = min(max(float64(left)/float64(whole)*100, 0), 100)
	}
	switch {
	case left <= 0:
		width, class = 100, "over"
	case within.Judge(l, b.made) != shelflife.Long:
		class = "short"
	}
	return fmt.Sprintf(`<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="8"/><rect class="%s" width="%.2f" height="8"/></svg>`, class, width)
}

// reviews lists which documents are to be looked at again.
func (b *builder) reviews(s *status.Status) {
	b.section("reviews", "", b.t("文書の見直し", "Reviews"), b.t("正本のログの記録による", "from the master log"))
	if len(s.Reviews) == 0 {
		b.raw("<p>", b.t("見直しの期日は記録されていない。", "No day of a review is on record."), "</p>")
		b.end()
		return
	}
	b.table(b.t("文書の見直し", "Reviews"), b.t("種類", "kind"), b.t("記録", "recorded"), b.t("期日", "due"), b.t(">残り", ">left"))
	for i := range s.Reviews {
		r := &s.Reviews[i]
		due, left := b.t("示されていない", "not stated"), b.dunno()
		if !r.Due.IsZero() {
			due = b.figure("review_due_seconds", status.ReviewLabels(*r), r.Due.Format(time.DateOnly))
			left = esc(b.left(r.Due))
			if r.Overdue(s.Made) {
				left = b.warn(b.left(r.Due))
			}
		}
		b.raw(`<tr><th scope="row">`, esc(r.Kind), "</th><td>", b.at(r.Recorded), "</td><td>", due,
			`</td><td class="n">`, left, "</td></tr>")
	}
	b.endTable()
	b.end()
}

// foot says where everything on the page comes from.
func (b *builder) foot(s *status.Status) {
	trial := b.t("鍵が試験運用であるとの判定はない。", "No verdict says that the keys are on trial.")
	if s.Trial {
		trial = b.warn(b.t("試験運用：署名室の鍵は、認定認証業務の鍵ではない。",
			"On trial: the keys of the signing room are not those of an accredited CA."))
	}
	b.raw("<footer><p>", b.figure("trial", "", trial), " ",
		b.f("正本のログ：%s 件、最新 %s。", "Master log: %s entries, newest %s.", b.figure("log_entries", "", fmt.Sprint(s.Size)),
			b.figure("log_newest_seconds", "", b.at(s.Newest))))
	if p := s.Publication; p != nil {
		b.raw(b.f("公開ログ：%d 件、最新 %s。", " Publication log: %d entries, newest %s.", p.Size, b.at(p.Newest)))
	}
	b.raw(b.t("固定した鍵の署名を確かめてから読んだ。", " Signatures were checked with the pinned keys before anything was read."),
		"</p><p>",
		b.t("この頁のために公開先へ問い合わせることはない。何も送らなかった同期は記録を残さないため、その時刻は分からない。",
			"No target is asked for this page. A sync that sends nothing leaves no entry: when it ran is not "+
				"known here."), "</p></footer>\n")
}
