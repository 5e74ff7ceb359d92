// Package dashboard shows a status to the people on shift: one page, in Japanese or English, and a
// server for it on this machine.
//
// It knows nothing that package verify does not: every figure on the page is one of
// [verify.Status.Figures] and carries its name, every sentence follows from a field of the status,
// and what is not on record is said to be unknown. The page has no script and asks for nothing; it
// is written without a template engine, as the pages of package verify are.
package dashboard
