package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
)

// styleSheet is the page's only style. All colours have a contrast of at least 4.5 to 1, on light and on dark; no
// meaning is in a colour alone.
const styleSheet = `
:root{color-scheme:light dark;--ink:#1b2430;--soft:#566170;--page:#f4f6f8;--panel:#fff;--line:#dbe1e8;--track:#e6ebf0;--bar:#2a6496;--good:#176b3a;--warn:#7a4d00;--bad:#a3161c;--wash:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#a5b1be;--page:#12161b;--panel:#1a2027;--line:#303a45;--track:#2b343e;--bar:#6fabdd;--good:#74cf9b;--warn:#e8b75c;--bad:#ff938d;--wash:#1a2027}}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:var(--page);font:14px/1.5 system-ui,"Hiragino Kaku Gothic ProN","Noto Sans CJK JP","Noto Sans JP",Meiryo,sans-serif;font-variant-numeric:tabular-nums}
.page{max-width:1280px;margin:0 auto;padding:14px 18px 20px}
a{color:var(--bar)}a:focus-visible,.scroll:focus-visible{outline:3px solid var(--bar);outline-offset:2px}
header{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:2px 24px;margin-bottom:10px}
h1{font-size:19px;margin:0;display:inline}h1+span{margin-left:.7em;color:var(--soft);overflow-wrap:anywhere}
header p{margin:0;color:var(--soft)}header nav{display:flex;gap:14px;flex-wrap:wrap}
h2{font-size:14px;margin:0 0 6px;letter-spacing:.02em}h2 small{font-weight:400;color:var(--soft);font-size:12px;margin-left:.6em}
section{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:11px 14px 12px;min-width:0}
main,.column{display:grid;align-content:start;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:12px}.column{grid-template-columns:minmax(0,1fr)}
.all{grid-column:1/-1}
.state{border-left:8px solid var(--good)}.state.warning{border-left-color:var(--warn)}.state.critical,.state.unknown{border-left-color:var(--bad)}
.state h2{font-size:21px;margin:0 0 1px}.state.ok h2{color:var(--good)}.state.warning h2{color:var(--warn)}.state.critical h2,.state.unknown h2{color:var(--bad)}
.state p{margin:0 0 3px}.state>div{min-width:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:8px 22px;margin:9px 0 0;padding:9px 0 0;border-top:1px solid var(--line)}
.tiles dt{color:var(--soft);font-size:12px}.tiles dd{margin:0}.tiles dd:nth-of-type(1){font-size:19px;line-height:1.25;font-weight:650}
.tiles dd.more{font-size:12px;color:var(--soft);overflow-wrap:anywhere}
.badge{display:inline-block;white-space:nowrap;font-size:12px;font-weight:650;color:var(--soft)}
.badge svg{width:10px;height:10px;margin-right:5px;fill:currentColor}
.critical .badge,.error .badge,.badge.bad{color:var(--bad)}.warning .badge,.badge.warn{color:var(--warn)}.badge.good{color:var(--good)}
table{border-collapse:collapse;width:100%}caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;vertical-align:baseline;padding:3px 12px 3px 0;border-top:1px solid var(--line);font-weight:400}
thead th{border-top:0;color:var(--soft);font-size:12px;padding-bottom:2px;white-space:nowrap}tr>:last-child{padding-right:0}
tbody th{overflow-wrap:break-word}tbody tr>*{vertical-align:middle}.n{text-align:right;white-space:nowrap}.t{white-space:nowrap}small{color:var(--soft);font-size:12px}
.concern table{table-layout:fixed}.concern thead th:first-child{width:7em}.concern thead th:last-child{width:45%}.concern td{overflow-wrap:anywhere}.concern tbody tr>*{vertical-align:baseline}.concern code{font-size:12px}code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
.life{width:26%;min-width:80px}.life svg{width:100%;height:8px;display:block}.life svg rect{fill:var(--track)}.life svg .left{fill:var(--bar)}.life svg .short{fill:var(--warn)}.life svg .over{fill:var(--bad)}
td.day{width:42%;min-width:200px}.day{min-width:0}.day svg{width:100%;height:22px;display:block}.ok-bar{fill:var(--bar)}.bad-bar{fill:var(--bad)}.none-bar{fill:var(--soft)}.wide.day{width:auto;margin-top:8px}
.ends{display:flex;margin-top:3px;justify-content:space-between;font-size:11px;color:var(--soft);line-height:1.2}
.key{margin:7px 0 0;color:var(--soft);font-size:12px}.key svg{width:10px;height:10px;margin:0 4px 0 10px}.key svg:first-child{margin-left:0}
.scroll{overflow-x:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0 0;font:13px/1.5 ui-monospace,"DejaVu Sans Mono",monospace}
footer{color:var(--soft);font-size:12px;margin-top:12px}footer p{margin:0 0 2px;overflow-wrap:anywhere}
time{white-space:nowrap}
@media(max-width:560px){td.life,th.life{display:none}.badge{white-space:normal}.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}th,td{padding-right:8px}}
@media(max-width:820px){main{grid-template-columns:minmax(0,1fr)}.page{padding:10px}#targets~.scroll table{min-width:36rem}.concern tr{display:block;border-top:1px solid var(--line);padding:5px 0}.concern thead{position:absolute;clip-path:inset(50%)}.concern th,.concern td{display:block;width:auto;border:0;padding:0}}
@media(min-width:821px){.tiles{grid-template-columns:repeat(5,minmax(0,1fr))}}
@media print{.tiles{grid-template-columns:repeat(5,minmax(0,1fr));gap:4px 10px}:root{color-scheme:light;--ink:#1b2430;--soft:#444d58;--page:#fff;--panel:#fff;--line:#c9d1da;--track:#e6ebf0;--bar:#2a6496;--good:#176b3a;--warn:#7a4d00;--bad:#a3161c}
body{font-size:9pt}.page{max-width:none;padding:0}header nav{display:none}section{break-inside:avoid;padding:2mm 3mm}main{gap:2.5mm}svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}.scroll{overflow:visible}}
`

// stylePolicy lets the browser use this style sheet and nothing else: no script, no picture, no request.
var stylePolicy = func() string {
	sum := sha256.Sum256([]byte(styleSheet))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'"
}()
