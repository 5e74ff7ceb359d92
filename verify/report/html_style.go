package report

import (
	"fmt"
	"strings"
)

// styleSheet is the page's only style: readable in both languages and on paper, colours with a contrast of at least 4.5
// to 1.
const styleSheet = `
:root{--ink:#1b2430;--paper:#fff;--line:#c9d1da;--soft:#f4f6f8;--good:#176b3a;--bad:#a3161c;--warn:#7a4d00;--bar:#2a6496}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:var(--paper);font:16px/1.65 system-ui,"Hiragino Kaku Gothic ProN","Noto Sans CJK JP","Noto Sans JP",Meiryo,sans-serif}
.page{max-width:1080px;margin:0 auto;padding:1rem}
header{border-bottom:3px solid var(--ink);margin-bottom:1rem}
h1{font-size:1.7rem;margin:.2em 0}h2{font-size:1.3rem;border-bottom:1px solid var(--line);margin-top:2.2rem}h3{font-size:1.02rem;margin:.2rem 0}
.languages{float:right;position:relative}.languages input{position:absolute;opacity:.01}.languages label{display:inline-block;cursor:pointer;padding:.15em .7em;border:1px solid var(--ink);border-radius:3px}
.languages :checked+label{background:var(--ink);color:var(--paper)}.languages :focus-visible+label{outline:3px solid var(--bar)}
:root:has(#lang-ja:checked) .en,:root:has(#lang-en:checked) .ja{display:none}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0}a{color:#0b4f86}
.subject dl,.means{margin:.3rem 0}.subject dl div,.means div,.finding dl div{display:flex;gap:.8rem}
.subject dt{flex:0 0 9rem;font-weight:700}.means dt{flex:0 0 19rem;font-weight:700}.finding dt{flex:0 0 8.5rem;font-weight:700}
.subject dd,.means dd,.finding dd{margin:0;overflow-wrap:anywhere;flex:1 1 0}
.seal{float:right;width:7rem;height:7rem;border:1px solid var(--ink);margin:0 0 .6rem 1rem;padding:.2rem .4rem;font-size:.8rem}
.blank{display:inline-block;width:18rem;max-width:100%;border-bottom:1px solid var(--ink);height:1.2em}
.moment span{white-space:nowrap}.label{font-weight:700;margin:.7rem 0 0}
.trial{border:2px solid var(--bad);padding:.4rem 1rem;font-weight:700}.verdict{border-left:10px solid;padding:.4rem 1rem;background:var(--soft);margin:1rem 0}.verdict.ok{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}
.big{font-size:1.2rem;font-weight:700;margin:.3rem 0}
.scope{display:flex;gap:0 2rem}.scope>div{flex:1 1 0}.scope ul{margin:.2rem 0;padding-left:1.3rem}.scope .label{margin-top:.2rem}
.verdict dl{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;margin:.5rem 0}.verdict dt{font-size:.85rem}.verdict dd{margin:0;font-size:1.3rem;font-weight:700}
.finding{border:1px solid var(--line);border-left:8px solid var(--line);padding:.4rem .9rem;margin:.7rem 0}
.finding.critical,.finding.error{border-left-color:var(--bad)}.finding.warning{border-left-color:var(--warn)}
.finding dl{margin:.3rem 0}.finding ul{margin:.3rem 0;padding-left:1.2rem}.finding li{break-inside:avoid}.finding strong{overflow-wrap:anywhere}
.digest{font:.8em/1.9 ui-monospace,"DejaVu Sans Mono",monospace}.short{white-space:nowrap}
.badge{color:var(--paper);background:var(--ink);border-radius:3px;padding:0 .5em;font-size:.85rem}
.critical .badge,.error .badge{background:var(--bad)}.warning .badge{background:var(--warn)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:.92rem}
caption{text-align:left;font-weight:700;padding:.3rem 0}th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}td{overflow-wrap:anywhere}th{overflow-wrap:break-word}
thead th{background:var(--soft);word-break:keep-all}tbody th{font-weight:400}pre{background:var(--soft);padding:.7rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;font-size:.8rem;line-height:1.4}
.wide{table-layout:fixed;font-size:.85rem}.wide td,.wide th{overflow-wrap:anywhere;white-space:normal}.wide .digest{word-break:break-all;line-height:1.4}.wide .moment span{white-space:normal}
figure{margin:1rem 0}figcaption{font-weight:700}svg{max-width:100%;height:auto;font-size:12px}svg text{fill:var(--ink)}.bar{fill:var(--bar)}.stale{fill:var(--bad)}.missing{fill:var(--paper);stroke:var(--bad)}.unseen{fill:#94b1ca}.axis{fill:var(--soft)}
@media(max-width:600px){.subject dl div,.means div,.finding dl div,.scope{display:block}thead th{white-space:nowrap}table{font-size:.85rem}svg{min-width:36rem}td:not(.short),tbody th:not(.short){min-width:9rem}.wide{min-width:52rem}.wide td,.wide th{min-width:0!important}}
@media print{
.languages,nav{display:none}body{font-size:9pt;line-height:1.5}.page{max-width:none;padding:0}h1{font-size:13pt;margin:0}header{margin-bottom:2mm;border-width:2px}.subject dl,.means{margin:1mm 0}.means{font-size:7pt;line-height:1.25}h2{font-size:12pt;margin-top:6mm}h3{font-size:10pt}
.badge,.verdict,thead th{print-color-adjust:exact;-webkit-print-color-adjust:exact}.scroll{overflow:visible}h2,h3,caption,.label{break-after:avoid}tr,figure,.finding h3{break-inside:avoid}
table,.wide{font-size:7.5pt;margin:2mm 0}th,td{padding:.5mm 1mm}thead{display:table-header-group}.digest,pre{font-size:6.5pt;line-height:1.35}.wide .digest{font-size:6.5pt}table .digest{word-break:break-all}
.front{font-size:8pt;line-height:1.35}.front table,.front .wide{font-size:7pt;margin:1.5mm 0}.front pre{padding:.5mm 1mm;margin:.5mm 0;font-size:6pt}.front .digest{font-size:6.2pt}.front .label{margin:1mm 0 0}.big{font-size:11pt}.verdict{margin:2mm 0}.verdict dd{font-size:9pt}.verdict dt{font-size:7pt}.verdict dl{gap:0 1rem;margin:1mm 0}.scope{font-size:7pt;line-height:1.2}.scope>div:first-child{flex-grow:1.4}
.subject dt{flex-basis:28mm}.means dt{flex-basis:72mm}.seal{width:24mm;height:24mm}a{color:inherit;text-decoration:none}#findings{break-before:page;margin-top:0}
}
`

// running are the margins of each printed page: the title, the log and the page's number. They follow the language that
// is shown.
func running(ja, en, log string) string {
	margins := func(title, page string) string {
		return fmt.Sprintf(`{size:A4;margin:15mm 14mm 13mm;@top-left{content:%s;font-size:7.5pt}@top-right{content:%s;font-size:7.5pt}@bottom-right{content:%s;font-size:7.5pt}}`,
			cssText(title), cssText(log), page)
	}
	return "@page" + margins(ja, `counter(page) " / " counter(pages)`) + "\n@page english" +
		margins(en, `"page " counter(page) " of " counter(pages)`) +
		"\n:root:has(#lang-en:checked) body{page:english}\n"
}

// cssText writes a text as a string of a style sheet: whatever could end it is written as a number.
func cssText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" ./-_:", r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\%06x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
