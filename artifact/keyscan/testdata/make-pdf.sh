#!/bin/sh
# Makes testdata/pdf: one short policy as each of the producers at hand writes it. Needs the Debian packages ghostscript,
# libreoffice-writer-nogui, texlive-latex-base, chromium, weasyprint, python3-reportlab, python3-cairo, img2pdf, qpdf, groff,
# mupdf-tools and imagemagick. Every file holds public text alone; none may raise an alarm.
set -eu
cd "$(dirname "$0")/pdf"
rm -f ./*.pdf
tmp=$(mktemp -d)
export HOME="$tmp"
cat >"$tmp/cps.html" <<'HTML'
<!DOCTYPE html><meta charset="utf-8"><title>CPS</title><h1>Certification Practice Statement</h1>
<p>The private key of the CA is kept in an HSM. Private key: 2048 bit. /Encrypt and /Launch are words here.</p>
<table border=1><tr><td>SHA-256</td><td>3f:9a:01:22:c4:9d:36:08:86:e7:04:93:6a:66:78:e1</td></tr></table>
<pre>-----BEGIN CERTIFICATE----- is the first line of a certificate in PEM.</pre>
HTML
cat >"$tmp/cps.tex" <<'TEX'
\documentclass{article}\begin{document}\section{Certification Practice Statement}
The private key of the CA is kept in an HSM. $p \cdot q = n$, $d = e^{-1} \bmod \varphi(n)$.
\begin{verbatim}
Modulus: 00:aa:07:78:8f:dd:ff:85:c8:78:ba:c2:7b
\end{verbatim}\end{document}
TEX
(cd "$tmp" && pdflatex -interaction=batchmode cps.tex >/dev/null) && cp "$tmp/cps.pdf" tex.pdf
(cd "$tmp" && soffice --headless --convert-to pdf cps.html >/dev/null 2>&1) && cp "$tmp/cps.pdf" libreoffice.pdf
(cd "$tmp" && soffice --headless --convert-to 'pdf:writer_web_pdf_Export:{"SelectPdfVersion":{"type":"long","value":"3"}}' cps.html >/dev/null 2>&1) && cp "$tmp/cps.pdf" libreoffice-pdfa3.pdf
chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf=chromium.pdf "file://$tmp/cps.html" 2>/dev/null
weasyprint "$tmp/cps.html" weasyprint.pdf 2>/dev/null
/usr/bin/python3 - <<'PY'
from reportlab.pdfgen import canvas
c = canvas.Canvas("reportlab.pdf"); c.drawString(72, 720, "Certification Practice Statement: the private key is kept in an HSM."); c.save()
import cairo
s = cairo.PDFSurface("cairo.pdf", 400, 300); x = cairo.Context(s); x.move_to(20, 50); x.set_font_size(12)
x.show_text("The private key of the CA is kept in an HSM."); s.finish()
PY
printf '.TL\nCertification Practice Statement\n.PP\nThe private key is kept in an HSM.\n' | groff -ms -Tps >"$tmp/cps.ps"
ps2pdf "$tmp/cps.ps" ghostscript.pdf
ps2pdf14 -dPDFA=2 "$tmp/cps.ps" ghostscript-pdfa.pdf
gs -q -sDEVICE=tiffg4 -r100 -o "$tmp/scan.tif" "$tmp/cps.ps"
gs -q -sDEVICE=jpeggray -r60 -o "$tmp/scan.jpg" "$tmp/cps.ps"
gs -q -sDEVICE=pngmono -r60 -o "$tmp/scan.png" "$tmp/cps.ps"
img2pdf -o scan-fax.pdf "$tmp/scan.tif"
img2pdf -o scan-jpeg.pdf "$tmp/scan.jpg"
img2pdf -o scan-png.pdf "$tmp/scan.png"
qpdf --object-streams=generate ghostscript.pdf qpdf-packed.pdf
qpdf --linearize weasyprint.pdf qpdf-linear.pdf
qpdf --qdf reportlab.pdf qpdf-plain.pdf
mutool clean -z -gggg libreoffice.pdf mutool.pdf
printf 'certificate,serial\n1,2\n' >"$tmp/annex.csv"
qpdf weasyprint.pdf --add-attachment "$tmp/annex.csv" -- attachment.pdf
rm -r "$tmp"
