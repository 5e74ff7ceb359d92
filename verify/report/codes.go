package report

import (
	"slices"
	"strings"
)

// A Code is one line of the table of findings. Codes never change their meaning.
type Code struct {
	Code     string
	Severity Severity
	Rule     string // of section A that the finding concerns; empty when none
	Item     string // of the survey: "3C56" (master and copy) or "3713" (publication and record)
	TextJA   string
	TextEN   string
	HintJA   string
	Hint     string
}

// Findings returns the table of all codes, sorted.
func Findings() []Code {
	all := slices.Clone(codes)
	slices.SortFunc(all, func(a, b Code) int { return strings.Compare(a.Code, b.Code) })
	return all
}

var codes = slices.Concat(logCodes, masterCodes, memoryCodes, commitmentCodes, hsmCodes, approvalCodes, statusCodes,
	copyCodes, aliasCodes, responderCodes, sampleCodes, pinCodes, observeCodes)

var CodeByName = func() map[string]Code {
	m := make(map[string]Code, len(codes))
	for _, c := range codes {
		m[c.Code] = c
	}
	return m
}()
