package document

import (
	"bytes"
	"context"
	"crypto/mldsa"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode/utf16"

	"seihon/hsmsign/document/pdf"
)

// Reason is what a PDF reader shows beside the signature; empty fields are left out.
type Reason struct{ Name, Reason, Location, Contact string }

// SignPDF returns the content, a PDF, with a PAdES-B-B signature (B-T with a time stamp) in an incremental update.
func SignPDF(ctx context.Context, r Request, why Reason) ([]byte, error) {
	signed, err := signPDF(ctx, r, why)
	if err != nil {
		return nil, fmt.Errorf("signing PDF: %w", err)
	}
	return signed, nil
}

func signPDF(ctx context.Context, r Request, why Reason) ([]byte, error) {
	b, content, err := r.prepare()
	if err != nil {
		return nil, err
	}
	f, err := pdf.Open(content)
	if err != nil {
		return nil, err
	}
	if f.Encrypted() {
		return nil, errors.New("the PDF is encrypted; publish documents that everyone can read, or sign it detached")
	}
	room := reserve(b, r.Timestamp != nil)
	update, value, err := addField(f)
	if err != nil {
		return nil, err
	}
	dictionary, rangeAt, contentsAt := signatureDictionary(r.SigningTime, why, room)
	update.Set(value, dictionary)
	out, at := update.Bytes(value)

	// The signature covers everything but the hexadecimal string with its angle brackets, ISO 32000-1 section 12.8.1.
	from, to := at+contentsAt, at+contentsAt+2+2*room
	copy(out[at+rangeAt:], fmt.Sprintf("[0 %d %d %d]", from, to, len(out)-to))
	der, err := r.sign(ctx, b, bytes.Join([][]byte{out[:from], out[to:]}, nil))
	if err != nil {
		return nil, err
	}
	if len(der) > room {
		return nil, fmt.Errorf("the signature has %d bytes, but only %d were reserved", len(der), room)
	}
	hex.Encode(out[from+1:], der)
	// The signature itself was verified over these bytes; earlier signatures in the file are their verifiers' business.
	if _, err := pdf.Open(out); err != nil {
		return nil, fmt.Errorf("checking what was signed: %w", err)
	}
	return out, nil
}

// reserve returns how many bytes the CMS may take: certificates, a generous rest, and a token with its own chain.
func reserve(b *builder, stamped bool) int {
	n := len(b.certificate.Raw) + 4096
	if key, ok := b.certificate.PublicKey.(*mldsa.PublicKey); ok {
		n += key.Parameters().SignatureSize() // larger than the generous rest
	}
	for _, c := range b.chain {
		n += len(c.Raw)
	}
	if stamped {
		n += 16 << 10
	}
	return n
}

// signatureDictionary returns the text of the signature dictionary with room for the signature, and where in it the
// byte range and the contents stand. It is text rather than a pdf.Dict because these two places are filled in later.
func signatureDictionary(at time.Time, why Reason, room int) (text pdf.Raw, rangeAt, contentsAt int) {
	var b bytes.Buffer
	b.WriteString("<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached")
	for _, e := range []struct{ key, value string }{
		{"Name", why.Name}, {"Reason", why.Reason}, {"Location", why.Location}, {"ContactInfo", why.Contact},
	} {
		if e.value != "" {
			fmt.Fprintf(&b, " /%s %s", e.key, pdf.Text(textString(e.value)))
		}
	}
	fmt.Fprintf(&b, " /M (D:%sZ) /ByteRange ", at.UTC().Format("20060102150405"))
	rangeAt = b.Len()
	fmt.Fprintf(&b, "%-40s /Contents ", "[0 0 0 0]")
	contentsAt = b.Len()
	b.WriteByte('<')
	b.Write(bytes.Repeat([]byte("0"), 2*room))
	b.WriteString(">>>")
	return b.Bytes(), rangeAt, contentsAt
}

// textString encodes text for PDF: ASCII as it is, anything else as UTF-16 with a byte order mark (ISO 32000-1 section
// 7.9.2.2).
func textString(s string) pdf.String {
	out := pdf.String{0xfe, 0xff}
	ascii := true
	for _, r := range s {
		ascii = ascii && r >= ' ' && r < 0x7f
	}
	if ascii {
		return pdf.String(s)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

// addField adds an invisible signature field, which is its own widget on the first page, and returns the reference
// under which its value is to be set.
func addField(f *pdf.File) (*pdf.Update, pdf.Ref, error) {
	u, err := f.Update()
	if err != nil {
		return nil, pdf.Ref{}, err
	}
	page, pageRef, err := f.FirstPage()
	if err != nil {
		return nil, pdf.Ref{}, err
	}
	catalog, catalogRef, err := f.Catalog()
	if err != nil {
		return nil, pdf.Ref{}, err
	}
	form, err := f.Dict(catalog["AcroForm"])
	if err != nil {
		return nil, pdf.Ref{}, fmt.Errorf("the form: %w", err)
	}
	fields, err := f.Array(form["Fields"])
	if err != nil {
		return nil, pdf.Ref{}, fmt.Errorf("the form's fields: %w", err)
	}
	annotations, err := f.Array(page["Annots"])
	if err != nil {
		return nil, pdf.Ref{}, fmt.Errorf("the annotations of the first page: %w", err)
	}
	field, value := u.New(), u.New()
	u.Set(field, pdf.Dict{
		"Type": pdf.Name("Annot"), "Subtype": pdf.Name("Widget"), "FT": pdf.Name("Sig"), "V": value, "P": pageRef,
		"T":    pdf.String(fmt.Sprintf("Signature%d", field.Number)), // unique: object numbers are
		"Rect": pdf.Array{pdf.Number("0"), pdf.Number("0"), pdf.Number("0"), pdf.Number("0")},
		"F":    pdf.Number("132"), // Print and Locked
	})
	u.Set(pageRef, page.With("Annots", append(annotations[:len(annotations):len(annotations)], field)))
	// signatures exist, append only
	form = form.With("Fields", append(fields[:len(fields):len(fields)], field)).With("SigFlags", pdf.Number("3"))
	if ref, ok := catalog["AcroForm"].(pdf.Ref); ok {
		u.Set(ref, form)
		return u, value, nil
	}
	u.Set(catalogRef, catalog.With("AcroForm", form))
	return u, value, nil
}
