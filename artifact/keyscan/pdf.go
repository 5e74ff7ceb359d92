package keyscan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"seihon/artifact/pdf"
)

// A document is one PDF file that is being scanned.
type document struct {
	s       *scanner
	file    *pdf.File
	fonts   map[pdf.Name][]int      // resource name → the objects that fonts of this name are in
	tables  map[int]*glyphs         // object number → what the font's codes mean
	attach  map[int]bool            // streams that are attachments
	strings []byte                  // of the object at hand, one after the other
	names   map[pdf.Name]*[]*glyphs // fonts by resource name, as they were resolved
}

// maxFontsByName is how many fonts of one resource name are tried on a page's text.
const maxFontsByName = 4

// scanPDF scans every object of a PDF file.
func (s *scanner) scanPDF(b []byte) *Finding {
	inAttachment := s.attachment
	s.attachment = 0 // a document in an attachment is of known form, and so are its parts
	defer func() { s.attachment = inAttachment }()
	file := pdf.Read(b, s.spend)
	d := &document{s: s, file: file, fonts: map[pdf.Name][]int{}, tables: map[int]*glyphs{}, attach: map[int]bool{},
		names: map[pdf.Name]*[]*glyphs{}}
	for o := range file.Objects() {
		d.survey(&o)
	}
	for o := range file.Objects() {
		if f := d.object(&o); f != nil || s.stopped {
			return f
		}
	}
	for _, e := range file.Broken() {
		s.opaque(opaqueObject(e))
	}
	if why := file.Excess(); why != "" {
		s.opaque("PDF document: " + why + "; write the document anew (qpdf in.pdf out.pdf)")
	}
	return nil
}

func opaqueObject(e *pdf.ObjectError) string {
	return e.Error() +
		"; write the document anew without it (qpdf --object-streams=disable --recompress-flate in.pdf out.pdf)"
}

func objectName(o *pdf.Object) string {
	if o.Number == 0 {
		return "the trailer"
	}
	return fmt.Sprintf("PDF object %d", o.Number)
}

// survey notes what the second pass must know beforehand: fonts, attachments, encryption and programs.
func (d *document) survey(o *pdf.Object) {
	if dict := o.Dict(); dict["Encrypt"] != nil && (o.Number == 0 || dict["Type"] == pdf.Name("XRef")) {
		if len(d.s.path) > 0 {
			d.s.opaque("a PDF document that is encrypted; leave it out, or publish it without encryption")
		} else if d.s.report.Encrypted == "" {
			d.s.report.Encrypted = objectName(o)
		}
	}
	if o.Stream != nil && o.Dict()["Type"] == pdf.Name("EmbeddedFile") {
		d.attach[o.Number] = true
	}
	d.surveyValue(o, o.Value, 0)
}

func (d *document) surveyValue(o *pdf.Object, v any, depth int) {
	const deep = 64
	if depth > deep {
		return
	}
	switch v := v.(type) {
	case pdf.Array:
		for _, e := range v {
			d.surveyValue(o, e, depth+1)
		}
	case pdf.Dict:
		if v["S"] == pdf.Name("Launch") && len(d.s.path) == 0 && d.s.report.Launches == "" {
			d.s.report.Launches = objectName(o)
		}
		if files, ok := d.file.Resolve(v["EF"]).(pdf.Dict); ok {
			for _, r := range files {
				if r, ok := r.(pdf.Ref); ok {
					d.attach[r.Number] = true
				}
			}
		}
		if fonts, ok := d.file.Resolve(v["Font"]).(pdf.Dict); ok {
			for name, r := range fonts {
				if r, ok := r.(pdf.Ref); ok && len(d.fonts[name]) < maxFontsByName &&
					!slices.Contains(d.fonts[name], r.Number) {
					d.fonts[name] = append(d.fonts[name], r.Number)
				}
			}
		}
		for _, e := range v {
			d.surveyValue(o, e, depth+1)
		}
	}
}

// object scans the strings and names of one object, and its stream.
func (d *document) object(o *pdf.Object) *Finding {
	name := objectName(o)
	d.strings = d.strings[:0]
	if f := d.value(name, o.Value, 0); f != nil {
		return f
	}
	// Data that was cut into several strings is found in all of them together.
	if len(d.strings) >= minRun {
		if f := d.quick(name, d.strings); f != nil {
			return f
		}
	}
	if o.Stream == nil {
		return nil
	}
	return d.stream(name, o)
}

// value scans the strings and the names in a value.
func (d *document) value(name string, v any, depth int) *Finding {
	const deep, shortest = 64, 20
	if depth > deep {
		return nil
	}
	switch v := v.(type) {
	case pdf.String:
		d.strings = append(d.strings, v...)
		if len(v) >= shortest {
			return d.quick(name, v)
		}
	case pdf.Name:
		if len(v) >= minRun {
			return d.quick(name, []byte(v))
		}
	case pdf.Array:
		for _, e := range v {
			if f := d.value(name, e, depth+1); f != nil {
				return f
			}
		}
	case pdf.Dict:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			e := v[k]
			if len(k) >= minRun {
				if f := d.quick(name, []byte(k)); f != nil {
					return f
				}
			}
			if f := d.value(name, e, depth+1); f != nil {
				return f
			}
		}
	}
	return nil
}

// quick scans a string. It is as good as any other container, but most strings of a document are short text.
func (d *document) quick(name string, b []byte) *Finding {
	if !d.s.spend(len(b)) {
		return nil
	}
	return d.s.inside(name, b)
}

// stream scans what a stream holds with its filters undone, and as the text that a page shows.
func (d *document) stream(name string, o *pdf.Object) *Finding {
	data, err := d.file.Decode(o)
	if err != nil {
		d.s.opaque(opaqueObject(err))
		return d.s.inside(name, o.Stream) // as it stands; it may be packed in another way than it says
	}
	dict := o.Dict()
	picture := dict["Subtype"] == pdf.Name("Image")
	if data.Picture != "" && !picture {
		d.s.opaque(fmt.Sprintf("%s is encoded with %s, a filter for pictures, but is none; write the document anew "+
			"without it",
			name, data.Picture))
	}
	if d.attach[o.Number] {
		d.s.attachment++
		defer func() { d.s.attachment-- }()
		d.s.mustBeKnown(name, data.Bytes)
	}
	if f := d.s.inside(name, data.Bytes); f != nil {
		return f
	}
	if len(data.Rest) > 0 {
		if f := d.s.inside(name+", behind its end", data.Rest); f != nil {
			return f
		}
	}
	if picture || !showsText(dict, data.Bytes) {
		return nil
	}
	return d.pageText(name, o.Number, data.Bytes)
}

// showsText reports whether a stream may be the content of a page: it has no type, or that of a form, and shows text.
func showsText(dict pdf.Dict, b []byte) bool {
	switch dict["Type"] {
	case nil, pdf.Name("XObject"), pdf.Name("Pattern"):
	default:
		return false
	}
	switch dict["Subtype"] {
	case nil, pdf.Name("Form"):
	default:
		return false
	}
	if dict["Length1"] != nil { // a font program
		return false
	}
	return bytes.Contains(b, []byte("Tj")) || bytes.Contains(b, []byte("TJ")) || bytes.Contains(b, []byte(" '")) ||
		bytes.Contains(b, []byte(`"`)) || bytes.Contains(b, []byte("BI"))
}
