package verify

import "seihon/verify/report"

// Observe returns a configuration whose check tells of every finding at the moment it is made, on the goroutine that
// makes it.
func Observe(c Config, f func(report.Finding)) Config {
	c.observe = f
	return c
}

// TagOf is what a store calls the version of an object that it answered with.
var TagOf = tagOf

// Judge puts the outcome of a report into words again, after a test changed it.
func Judge(r *report.Report) { r.Judge() }
