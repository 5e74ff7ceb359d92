// Package ledger is the append-only record of masters: a Merkle log in C2SP
// formats that cannot be rewritten without being found out.
package ledger
