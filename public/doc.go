// Package public is the grammar of the repository's public names: what may stand behind the base URL, and
// what each name says about the artifact under it. Nothing else in this module takes a public name apart or
// puts one together.
//
//	crl/<issuer>.crl                      the full list of an issuer
//	crl/<issuer>-arl.crl                  its list of revoked CA certificates
//	crl/<issuer>-delta.crl                its delta list
//	crl/<issuer>/<shard>.crl              one part of a list that is split by serial number
//	crl/<issuer>/history/<number>.crl     an archived copy of the full list with this CRL number
//	cert/<label>.cer                      the certificate of a CA or of its OCSP responder
//	cert/<issuer>-link-<n>.cer            a link certificate between two keys of a CA (RFC 9810, section 4.4)
//	cert/cross/<id>.cer, .p7c             a cross certificate, or a pair of them
//	cert/subscriber/<serial>.cer          a subscriber's certificate, published with consent
//	docs/<label>.pdf                      a document in one version
//	docs/<label>.pdf.p7s, docs/<label>.p7s  its detached signature
//	ocsp/bundles/<sha256>                 a bundle of OCSP responses
//	ocsp/<issuer>.generation              the bundles that are current
//	ocsp/<hash>/<key hash>/<serial>       one OCSP response
//	log/checkpoint                        the signed head of the master log
//	log/tile/<level>/<index>[.p/<width>]  a tile of its tree (c2sp.org/tlog-tiles)
//	log/tile/entries/<index>[.p/<width>]  the entries below a tile
//	log/manifests/<sha256>                the list of what one signing run made
//	<label>.html, <label>.html.p7s        a page and its detached signature
//
// A label is made of letters, digits, dots, underscores and hyphens and begins with a letter or a digit.
// Numbers are decimal, digests and serials lower-case hex, neither with zeros that could be left out: every
// Name has one spelling, and Parse and String are each other's inverse.
//
// Whether a list is an archived copy is said by the word history alone. A part of a list and an archived
// list were once told apart by comparing the name with the CRL number, which mistakes part 3 for an archived
// list when its number is 3. The ledger says it in a field of its own since manifests v2; for older
// manifests, and only for them, the name says it.
//
// The package also holds the table of HTTP metadata, [HeaderFor]: what a kind of artifact is called and how
// long a cache may keep it is decided here for publishing, serving and verifying alike.
package public
