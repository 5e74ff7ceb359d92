// Package pdf reads every object of a PDF file, whether or not the file's own tables name it.
//
// It serves the search for private keys, so it is tolerant where the reader of the signing room (hsmsign/document/pdf)
// is strict: it does not follow the cross-reference, which may lie, but sweeps the file for everything that has the
// form of an object, opens every object stream, decodes names (#xx) and strings (octal and hexadecimal), and undoes
// every filter that ISO 32000-1 section 7.4 defines for data: Flate, LZW, ASCIIHex, ASCII85 and RunLength, in chains
// and with predictors.
//
// Filters for pictures (DCT, JPX, CCITTFax, JBIG2) are not undone. What remains then is what the picture's own format
// holds; Data.Picture says so, and the caller decides whether a picture belongs there. A filter that no part of the
// standard defines, a chain of more than MaxFilters, and data that a filter cannot decode are errors: nothing can be
// said about them.
//
// Work and memory are bounded: every byte that a filter gives out is charged to the caller's budget, nesting stops at
// maxDepth, and object streams are not opened within object streams.
package pdf
