package risk

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

func (t Text) empty() bool { return t.JA == "" && t.EN == "" }

// in is the text in a language, else in the other one.
func (t Text) in(lang string) string {
	if lang == "ja" {
		return cmp.Or(t.JA, t.EN)
	}
	return cmp.Or(t.EN, t.JA)
}

var responses = map[Response]Text{
	Avoid: {"回避", "avoid"}, Reduce: {"低減", "reduce"}, Share: {"共有", "share"}, Accept: {"受容", "accept"},
}

// A writer writes Markdown in one language.
type writer struct {
	strings.Builder
	lang string
}

func (w *writer) t(ja, en string) string { return Text{ja, en}.in(w.lang) }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// row writes cells, none of which can end its row or column.
func (w *writer) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.NewReplacer("|", `\|`, "\r", " ", "\n", " ").Replace(strings.TrimSpace(c))
	}
	w.line("| %s |", strings.Join(cells, " | "))
}

func (w *writer) table(head ...string) {
	w.line("")
	w.row(head...)
	w.line("|%s", strings.Repeat(" --- |", len(head)))
}

func (w *writer) day(t time.Time) string {
	if t.IsZero() {
		return w.t("示されていない", "not stated")
	}
	return t.Format(time.DateOnly)
}

// Markdown is the register for people, in Japanese (ja) or English. What it lacks stands at its end,
// so that nobody takes a draft for a record.
func (r *Register) Markdown(lang string, now time.Time) string {
	w := &writer{lang: lang}
	w.line("# %s", w.t("情報セキュリティに関するリスク評価と対応（報告書 3-1）", "Risk assessment and response (report 3-1)"))
	if r.Example {
		w.line("")
		w.line("%s", w.t("**記入例である。値は実際の評価によるものではない。**", "**This is an example: its values are made up.**"))
	}
	w.table(w.t("項目", "item"), w.t("内容", "content"))
	w.row(w.t("組織", "organisation"), r.Organisation)
	w.row(w.t("適用範囲", "scope"), r.Scope.in(lang))
	w.row(w.t("評価の実施", "assessed"), w.day(r.Assessed.On)+w.t("、", ", ")+r.Assessed.By)
	w.row(w.t("承認", "approved"), w.day(r.Approved.On)+w.t("、", ", ")+r.Approved.By)
	w.row(w.t("次回の見直し", "next review"), w.day(r.NextReview))
	if c := r.Certification; c != nil {
		w.row(w.t("第三者認証", "certification of a third party"),
			fmt.Sprintf("%s, %s, %s; %s; %s", c.Scheme, c.Body, c.Number,
				c.Scope.in(lang), w.day(c.ValidUntil)))
	}
	if len(r.Risks) > 0 {
		r.writeRisks(w)
	}
	if len(r.Emergency) > 0 {
		w.line("\n## %s", w.t("非常時の責任と権限", "Who decides in an emergency"))
		w.table(w.t("任務", "duty"), w.t("担当", "who"))
		for _, d := range r.Emergency {
			w.row(d.Duty.in(lang), d.Who)
		}
	}
	if lacks := r.Check(now); len(lacks) > 0 {
		w.line("\n## %s\n",
			w.t("不足（"+now.Format(time.DateOnly)+" 時点）", "What is missing, on "+now.Format(time.DateOnly)))
		for _, p := range lacks {
			w.line("- `%s`: %s", p.Field, p.Text)
		}
	}
	return w.String()
}

func (r *Register) writeRisks(w *writer) {
	w.line("\n## %s\n", w.t("リスク一覧", "Risks"))
	w.line(w.t("発生可能性と影響は 1 から %d。積が %d 以上のものには、担当者と期日のある計画を要する。",
		"Likelihood and impact are from 1 to %d; a product of %d or more needs a plan with an owner and a day."),
		r.Scale.Levels, r.Scale.PlanFrom)
	w.table(w.t("番号", "no"), w.t("リスク", "risk"), w.t("発生可能性", "likelihood"), w.t("影響", "impact"), w.t("積", "product"),
		w.t("対応", "response"), w.t("講じている措置・理由", "measures, or why"), w.t("担当", "owner"))
	plans := 0
	for i := range r.Risks {
		risk := &r.Risks[i]
		var measures []string
		for _, m := range risk.Measures {
			measures = append(measures, m.in(w.lang))
		}
		if !risk.Because.empty() {
			measures = append(measures, risk.Because.in(w.lang))
		}
		w.row(risk.ID, risk.Risk.in(w.lang), fmt.Sprint(risk.Likelihood), fmt.Sprint(risk.Impact),
			fmt.Sprint(risk.Score()),
			responses[risk.Response].in(w.lang), strings.Join(measures, w.t("；", "; ")), risk.Owner)
		plans += len(risk.Plan)
	}
	if plans == 0 {
		return
	}
	w.line("\n## %s", w.t("対応計画", "Plan of response"))
	w.table(w.t("番号", "no"), w.t("措置", "measure"), w.t("担当", "owner"), w.t("期日", "by"), w.t("完了", "done"))
	for i := range r.Risks {
		for _, p := range r.Risks[i].Plan {
			done := w.t("未了", "not yet")
			if !p.Done.IsZero() {
				done = w.day(p.Done)
			}
			w.row(r.Risks[i].ID, p.What.in(w.lang), p.Owner, w.day(p.By), done)
		}
	}
}
