package artifact

import "time"

// Final reports whether nextUpdate is the end of time, 99991231235959Z, by which RFC 5280 section 4.1.2.5
// says "no well-defined expiration": the last CRL of a CA that stopped. Such a list is never stale.
func Final(nextUpdate time.Time) bool { return nextUpdate.Year() >= 9999 }

// Stale reports whether an artifact with this nextUpdate must not be relied on at now. Without nextUpdate
// there is no such moment.
func Stale(nextUpdate, now time.Time) bool {
	return !nextUpdate.IsZero() && !Final(nextUpdate) && !now.Before(nextUpdate)
}
