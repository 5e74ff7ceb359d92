package artifact

// Parse says what b is. It never fails: what it does not know is Unrecognised, and what holds a private key anywhere is
// PrivateKey, whatever else it is.
func Parse(b []byte) *Artifact {
	a := &Artifact{Digest: Sum(b), Bytes: b, Kind: Unrecognised}
	classify(a)
	return a
}
