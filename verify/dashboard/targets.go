package dashboard

import (
	"fmt"
	"strings"
	"time"

	"seihon/verify/status"
)

// targets shows each target: how far it is, and a day of probes.
func (b *builder) targets(s *status.Status) {
	b.section("targets", "all", b.t("公開先", "Targets"), b.t("公開ログの記録による", "from the publication log"))
	switch {
	case s.Publication == nil:
		b.raw("<p>",
			b.t("公開ログがここにはない。公開先については不明である。", "There is no publication log here: nothing is known of targets."), "</p>")
	case len(s.Targets) == 0:
		b.raw("<p>", b.t("公開ログに公開先の記録がない。", "The publication log knows of no target."), "</p>")
	default:
		b.table(b.t("公開先", "Targets"), b.t("名前", "name"), b.t("正本との差", "against the master"),
			b.t("送信した最後の同期", "last sync that sent something"),
			b.t(">拒否", ">refused"), b.t("観測（24 時間）", "probes of 24 hours"), b.t(">正常", ">good"))
		for i := range s.Targets {
			b.target(&s.Targets[i])
		}
		b.endTable()
		b.key()
	}
	b.end()
}

func (b *builder) target(t *status.TargetStatus) {
	labels := t.Labels()
	tried, good := t.Day()
	behind := b.good(b.t("差なし", "has all"))
	switch {
	case t.Synced.IsZero():
		behind = b.dunno()
	case t.Behind > 0:
		behind = b.warn(b.f("%d 件遅れ", "%d behind", t.Behind))
	}
	if !t.Configured {
		behind += " " + b.warn(b.t("設定にない", "not in the configuration"))
	}
	last := b.t("同期は完了", "synced whole")
	switch {
	case t.Last == nil:
		last = b.t("この機器の同期の記録なし", "no sync of this host is known")
	case !t.Last.Finished:
		last = b.bad(b.t("直近の同期は未完了", "the last sync did not finish"))
	}
	b.raw(`<tr><th scope="row">`, esc(t.Name), "</th><td>", b.figure("target_behind_entries", labels, behind),
		"<br><small>", b.figure("target_unfinished", labels, last), `</small></td><td class="t">`,
		b.figure("target_synced_seconds", labels, b.at(t.Synced)),
		"<br><small>", esc(b.ago(t.Synced)), `</small></td><td class="n">`,
		b.figure("target_refused", labels, fmt.Sprint(len(t.Refused))), `</td><td class="day">`,
		b.day(t.Name+b.t("の観測", ", probes"), t.Probes, b.t("観測なし", "not asked"), b.t("異常", "bad")),
		`</td><td class="n">`,
		b.figure("target_day_good_samples", labels, fmt.Sprint(good)), " / ",
		b.figure("target_day_samples", labels, fmt.Sprint(tried)), "<br><small>", percent(good, tried),
		"</small></td></tr>")
}

// day draws a day in slots: what went well from the bottom, what did not above it, and a thin line where nobody tried.
func (b *builder) day(what string, slots []status.Slot, none, bad string) string {
	if len(slots) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg viewBox="0 0 %d 22" preserveAspectRatio="none" role="img" aria-label="%s">`, 4*len(slots),
		esc(what+b.t("：", ": ")+b.dayWords(slots, none, bad)))
	for i, s := range slots {
		x := 4 * i
		if s.Tried == 0 {
			fmt.Fprintf(&out, `<rect class="none-bar" x="%d" y="20" width="4" height="2"/>`, x)
			continue
		}
		high := 22 * float64(s.Good) / float64(s.Tried)
		if s.Good < s.Tried { // a bad sample is never too small to be seen
			high = min(high, 16)
			fmt.Fprintf(&out, `<rect class="bad-bar" x="%d" width="3" height="%.1f"/>`, x, 22-high)
		}
		if s.Good > 0 {
			fmt.Fprintf(&out, `<rect class="ok-bar" x="%d" y="%.1f" width="3" height="%.1f"/>`, x, 22-high, high)
		}
	}
	out.WriteString("</svg>")
	out.WriteString(`<div class="ends" aria-hidden="true"><span>` + b.t("24 時間前", "24 h ago") + "</span><span>" +
		b.t("現在", "now") + "</span></div>")
	return out.String()
}

// dayWords says what the drawing shows.
func (b *builder) dayWords(slots []status.Slot, none, bad string) string {
	with, empty, last := 0, 0, status.Slot{}
	for _, s := range slots {
		switch {
		case s.Tried == 0:
			empty++
		case s.Good < s.Tried:
			with, last = with+1, s
		}
	}
	quarter := int(status.StatusSlot / time.Minute)
	text := b.f("%d 分の区間 %d のうち、%s %d、%s %d", "of %[2]d slots of %[1]d minutes, %[4]d %[3]s, %[6]d %[5]s", quarter,
		len(slots), bad, with, none, empty)
	if with > 0 {
		text += b.f("。最後の異常は %s前", "; the last bad one began %s ago", b.span(b.made.Sub(last.From)))
	}
	return text
}

// key explains the drawings of a day.
func (b *builder) key() {
	square := func(class string) string {
		return `<svg viewBox="0 0 10 10" aria-hidden="true"><rect class="` + class + `" width="10" height="10"/></svg>`
	}
	b.raw(`<p class="key">`, square("ok-bar"), b.t("正常", "good"), square("bad-bar"), b.t("異常", "bad"),
		square("none-bar"), b.t("記録なし（その間の状況は不明）", "not on record: nothing is known of that time"),
		b.f("。1 本は %d 分。", ". One bar is %d minutes.", int(status.StatusSlot/time.Minute)), "</p>")
}

// runs shows the last run of each kind with its outcome.
func (b *builder) runs(s *status.Status) {
	note := b.t("公開ログの記録による", "from the publication log")
	if s.Publication == nil {
		note = b.t("公開ログがここにはない", "there is no publication log here")
	}
	b.section("runs", "", b.t("直近の実行", "Last runs"), note)
	b.table(b.t("直近の実行", "Last runs"), b.t("実行", "run"), b.t("時刻", "time"), b.t("結果", "outcome"))
	b.verifications(s)
	for i := range s.Targets {
		t := &s.Targets[i]
		outcome := b.t("記録がない", "none is on record")
		switch {
		case t.Probed.IsZero():
			outcome = b.dunno() + " <small>" + outcome + "</small>"
		case t.Samples == 0:
			outcome = b.dunno() + " <small>" + b.t("何も問い合わせていない", "it asked for nothing") + "</small>"
		case t.Good < t.Samples:
			outcome = b.bad(b.f("%d 件中 %d 件が異常", "%[2]d of %[1]d samples bad", t.Samples, t.Samples-t.Good))
		default:
			outcome = b.good(b.f("%d 件すべて正常", "all %d samples good", t.Samples))
		}
		if t.Samples > 0 {
			outcome = b.figure("target_good_samples_ratio", t.Labels(), outcome)
		}
		b.run(b.f("観測：%s", "probe of %s", t.Name), b.figure("target_probed_seconds", t.Labels(), b.at(t.Probed)),
			b.ago(t.Probed), outcome)
	}
	b.endTable()
	if s.Verification != nil {
		b.raw(`<div class="day wide"><small>`, b.t("検証（24 時間）", "verifications of 24 hours"), "</small>",
			b.day(b.t("検証", "verifications"), s.Checks, b.t("実行なし", "none"), b.t("指摘あり", "with findings")), "</div>")
	}
	b.end()
}

// verifications are the last one, and the last one without findings.
func (b *builder) verifications(s *status.Status) {
	v := s.Verification
	if v == nil {
		b.run(b.t("検証", "verification"), b.t("記録なし", "not on record"), "", b.dunno())
	} else {
		outcome := b.good(b.t("指摘なし", "no finding"))
		if !v.OK {
			outcome = b.bad(b.f("指摘 %d 種", "%d kinds of findings", len(v.Findings)))
		}
		outcome += "<br><small>" +
			b.f("正本 %[2]d 件の時点で副本 %[1]d 件を照合", "%d copies compared with the master of %d entries", v.Objects, v.Size) +
			"</small>"
		b.run(b.t("検証", "verification"), b.figure("verification_seconds", "", b.at(v.At)), b.ago(v.At), outcome)
	}
	b.run(b.t("指摘のなかった最後の検証", "last verification without findings"), b.figure("verified_seconds", "", b.at(s.Verified)),
		b.ago(s.Verified), "")
}

// run is one row; when and outcome are HTML.
func (b *builder) run(what, when, ago, outcome string) {
	b.raw(`<tr><th scope="row">`, esc(what), `</th><td class="t">`, when, "<br><small>", esc(ago), "</small></td><td>",
		outcome, "</td></tr>")
}
