package pdf

// Packed writes the file of Make(title, lines) anew with object streams and a compressed cross-reference stream, as
// most producers since PDF 1.5 do.
var Packed = packed15
