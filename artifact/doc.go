// Package artifact says what a published byte string is, by its content alone.
//
// It is the leaf of the module: every other package speaks of artifacts in the words defined here, and none of its
// judgements depends on a name, an extension or a header. A repository is attacked, or simply misused, by putting the
// wrong bytes under an innocent name, so the name is never evidence.
//
// The parsers are strict where the published object is ours (one DER object, no trailing byte, whole seconds, Zulu
// time) and keep slices of the input instead of copies, so that a revocation list with a million entries costs no
// memory beside its own bytes. They share no code with the encoders of the signing room: a mistake there must be
// visible here. Parsers never panic and their work is bounded by the size of the input, whatever the input is.
//
// Key material gets special treatment. Section A of the report forbids keys in the cloud in any wrapping, therefore
// Parse has package keyscan look for private keys everywhere inside the bytes before it looks at what the bytes claim
// to be, and what that search cannot look into is never cleared.
package artifact
