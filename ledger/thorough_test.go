//go:build integration

package ledger

const faultStep = 1
