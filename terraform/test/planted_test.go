package terraform_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var plantedBlock = regexp.MustCompile(`(?m)^# refused by ([a-z -]+)\nresource "(\w+)" "(\w+)"`)

// planted returns what testdata/planted announces: "rule address", sorted.
func planted(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/planted/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"private-key var.issuer"}
	for _, m := range plantedBlock.FindAllStringSubmatch(string(text), -1) {
		for _, rule := range strings.Fields(m[1]) {
			want = append(want, rule+" "+m[2]+"."+m[3])
		}
	}
	slices.Sort(want)
	return want
}

func plantedRules(t testing.TB) []string {
	t.Helper()
	var rules []string
	for _, line := range planted(t) {
		rule, _, _ := strings.Cut(line, " ")
		rules = append(rules, rule)
	}
	return slices.Compact(rules)
}
