// Package report is what a check found, as data and in words.
//
// A Report has everything that package verify establishes: what was looked at (Scope), what does not agree (Finding),
// and what was counted. Each form of it – JSON, text, the page in Japanese and English – is written from that data
// alone, so that no form can say more than the check did, and the same report gives the same bytes.
//
// # Findings
//
// A finding has a code from the table that Findings returns, with its severity, its words in both languages and what to
// do. Codes, severities and the JSON schema are API. What one finding says beside that comes from package japanese as
// well.
//
// # What comes from outside
//
// Names and texts of certificates, logs and responders are written by others. Shown makes them safe for a terminal and
// a page.
package report
