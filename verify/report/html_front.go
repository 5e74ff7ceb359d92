package report

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// front is the first page: everything that somebody needs who files the report, before any detail.
func (p *page) front(r *Report) {
	p.raw(`<div class="front">`)
	p.subject(r)
	p.trial(r.HSM)
	p.verdict(r)
	p.logs(r)
	p.pins(r.Pins)
	p.means(r)
	p.raw("</div>\n")
}

// subject says who verified what, for whom and when, with room for a seal.
func (p *page) subject(r *Report) {
	p.raw(`<section class="subject" aria-label="検証の対象 / Subject"><div class="seal">`)
	p.bothIn("span", "確認印", "seal")
	p.raw("</div><dl>")
	about := r.About
	if about == nil {
		about = &About{}
	}
	p.field("検証者", "auditor", about.Auditor)
	p.field("調査機関", "survey body", about.Body)
	p.field("対象のログ", "log", r.Log.Origin)
	p.pairOf("対象期間", "period", func() {
		p.moment(r.Period.From)
		p.raw(" – ")
		p.moment(r.Period.To)
	})
	p.pairOf("判定の基準時刻", "judged as of", func() {
		p.moment(r.Made)
		if about.Now {
			p.both("（--now で指定。読み取り時刻は記録しない）", " (given with --now; no time of reading is recorded)")
		}
	})
	p.pairOf("検証の深さ", "tier", func() {
		p.both(tierNames[r.Tier].ja+"（"+r.depth()+"）", tierNames[r.Tier].en+" ("+r.depth()+")")
	})
	p.pair("規則", "rules", r.RulePack)
	p.raw("</dl></section>\n")
}

var tierNames = map[Tier]column{
	TierLog:    {"ログのみ", "the log alone"},
	TierList:   {"名前と大きさ", "names and sizes"},
	TierFull:   {"全件・全バイト", "every object, every byte"},
	TierSample: {"無作為抽出", "a random sample"},
}

// field is a pair with room to write when nothing was given.
func (p *page) field(ja, en, value string) {
	p.pairOf(ja, en, func() {
		if value == "" {
			p.raw(`<span class="blank"></span>`)
		}
		p.text(value)
	})
}

// pairOf is a pair whose value is written by a function.
func (p *page) pairOf(ja, en string, value func()) {
	p.raw("<div>")
	p.bothIn("dt", ja, en)
	p.raw("<dd>")
	value()
	p.raw("</dd></div>")
}

// jst is Japan's time, which has had no summer time since 1952.
var jst = time.FixedZone("JST", 9*60*60)

// moment writes a time as a surveyor reads it and as the artifacts have it.
func (p *page) moment(t time.Time) {
	if t.IsZero() {
		p.raw("–")
		return
	}
	japan, utc := clockOf(t)
	p.raw(`<span class="moment"><span>` + japan + `</span> <span>(` + utc + `)</span></span>`)
}

// logs shows the heads of both logs.
func (p *page) logs(r *Report) {
	p.wideTable("検証したログ", "Logs", []int{27, 8, 31, 20, 14}, column{"ログ", "log"}, column{"記録数", "entries"},
		column{"ルートハッシュ", "root hash"}, column{"最新の記録", "newest entry"},
		column{"照合した前回のチェックポイント", "earlier checkpoints"})
	p.row(names(SourceLog, r.Log.Origin), strconv.FormatInt(r.Log.Size, 10), r.Log.Root, r.Log.Time,
		strconv.FormatInt(int64(r.Log.Known), 10))
	if l := r.Publication; l != nil {
		p.row(names(SourcePublication, l.Origin), strconv.FormatInt(l.Size, 10), l.Root, l.Time,
			strconv.FormatInt(int64(l.Known), 10))
	}
	p.tableEnd()
	for _, l := range []struct {
		log    *LogSummary
		ja, en string
	}{{&r.Log, "正本のログのチェックポイント", "Checkpoint of the master log"},
		{r.Publication, "公開ログのチェックポイント", "Checkpoint of the publication log"}} {
		if l.log == nil || l.log.Checkpoint == "" {
			continue
		}
		p.bothIn(`p class="label"`, l.ja, l.en)
		p.raw(`<pre class="note">` + html.EscapeString(l.log.Checkpoint) + "</pre>\n")
	}
}

// names is a source in both languages, with what follows.
func names(source, what string) column {
	n := sourceNames[source]
	return column{n + "：" + what, source + ": " + what}
}

// pins shows what was believed without proof.
func (p *page) pins(pins []Pin) {
	p.wideTable("証明なしに信じたもの（固定した鍵と証明書）", "What was believed without proof (pinned keys and certificates)",
		[]int{18, 32, 50}, column{"種類", "kind"}, column{"名前", "name"}, column{"SHA-256", "SHA-256"})
	for _, pin := range pins {
		p.row(pinNames[pin.Kind], pin.short(), pin.SHA256)
	}
	p.tableEnd()
}

// short is the name of a pin without the key itself, which the JSON form has.
func (p Pin) short() string {
	switch p.Kind {
	case PinMasterLog, PinPublicationLog, PinWitness, PinVantage:
		if part := strings.SplitN(p.Name, "+", 3); len(part) == 3 {
			return part[0] + "+" + part[1]
		}
	}
	return p.Name
}

var pinNames = map[string]column{
	PinMasterLog:      {"正本のログの検証鍵", "key of the master log"},
	PinPublicationLog: {"公開ログの検証鍵", "key of the publication log"},
	PinAnchor:         {"ルート証明書", "root certificate"},
	PinPartner:        {"相互認証の相手", "partner"},
	PinOverride:       {"上書き許可の検証鍵", "key for overrides"},
	PinTimestamp:      {"時刻認証局の証明書", "root of a time-stamping authority"},
	PinFile:           {"監査人の固定ファイル", "the auditor's pins file"},
	PinWitness:        {"証人の検証鍵", "key of a witness"},
	PinVantage:        {"外部の観測者の検証鍵", "key of an outside vantage"},
}

// means says with what the report was made, and what belongs to it.
func (p *page) means(r *Report) {
	p.raw(`<dl class="means">`)
	if a := r.About; a != nil {
		if t := a.Tool; t != nil {
			p.pair("検証プログラム", "program", fmt.Sprintf("%s %s (%s)", t.Name, t.Version, t.Go))
			p.pair("同プログラムの SHA-256", "its SHA-256", t.SHA256)
		}
		if c := a.Configuration; c != nil {
			p.pair("設定ファイルの SHA-256（"+c.Name+"）", "SHA-256 of the configuration ("+c.Name+")", c.SHA256)
		}
	}
	p.pair("この報告書（JSON 形式）の SHA-256", "SHA-256 of this report in JSON", r.Digest().String())
	if a := r.Annex; a != nil {
		p.pair("別紙明細 "+a.CSV.Name+" の SHA-256", "SHA-256 of the annex "+a.CSV.Name, a.CSV.SHA256)
		p.pair("別紙明細 "+a.Lines.Name+" の SHA-256", "SHA-256 of the annex "+a.Lines.Name, a.Lines.SHA256)
		if u := a.Uptime; u != nil {
			for _, c := range []Cited{u.CSV, u.Lines} {
				p.pair("別紙観測記録 "+c.Name+" の SHA-256", "SHA-256 of the observations "+c.Name, c.SHA256)
			}
		}
	}
	p.raw("</dl>\n")
}
