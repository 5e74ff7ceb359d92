//go:build !integration

package ledger

// faultStep is how many system calls lie between two that fail: the quick run
// takes a sample, `make test` all of them.
const faultStep = 7
