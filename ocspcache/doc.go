// Package ocspcache is the keyless OCSP responder: it answers OCSP requests from
// responses that were signed in the signing room, and serves the other public
// objects of a repository by their names. It holds no key and no signing code; the
// only bytes it makes itself are the unsigned error statuses of RFC 6960 section
// 4.2.1, which say nothing about any certificate.
//
// # Data
//
// A bundle ([Bundle], [BundleWriter]) is an immutable file with all responses of
// one issuer and one shard of its serial numbers: the unit of signing, ledger and
// upload, and the lookup table of the responder. It is mapped, not loaded, and
// opening it reads 256 bytes, so that ten million responses are ready in
// milliseconds and cost no heap. A generation ([Generation]) names the bundles
// that are current, with a proof that the ledger has it. docs/formats-ocsp.md
// describes both formats.
//
// A [Source] holds the current generation of every issuer: [Directory] reads a
// directory with the public layout, [Remote] follows a bucket or CDN through a
// local cache. Both put what they find on a shelf, which verifies a generation,
// refuses one that goes backwards, opens its bundles, and swaps the [View] that
// requests see. A request pins its view; the files behind an old view are unmapped
// when the last request on it ends. Whatever goes wrong, the last good state stays.
//
// # Answers
//
// [Handler] looks at the path as it came: base64 has slashes that a [net/http.ServeMux]
// would clean away. A request is found in all the encodings that real clients use
// (decodeGET), read by a parser that takes what they send and refuses what is not
// DER ([ParseRequest]), and looked up by hash algorithm, issuer name and key hash,
// and serial ([View.Lookup]). Then there are four answers:
//
//   - the stored response, with the header fields of RFC 9919 section 6,
//   - unauthorized, when there is none,
//   - malformedRequest, when the request cannot be read,
//   - tryLater, when the stored one is past its nextUpdate or its bundle is damaged.
//
// A nonce is ignored: nothing is signed on demand, and RFC 9919 section 3.2.2 lets
// a responder leave it out. A request about several certificates is not answered
// as if it were about the first.
//
// Beside the responses a Remote serves copies of the other public objects. The
// origin is asked about names that a repository can have, and by few requests at
// a time. A copy answers at once while a newer one is asked for (objectCache); an
// origin that hangs or trickles costs one slot for half a minute, and nobody an
// answer that is there. Copies are bounded in bytes and number, the ones asked for
// longest ago go first.
//
// What the answers rest on: every response is signed by the CA, so that the worst
// that a broken or hostile source can do is to withhold answers or, until its
// nextUpdate, to repeat an old one. Generation numbers, the ledger's proofs and
// nextUpdate bound that.
package ocspcache
