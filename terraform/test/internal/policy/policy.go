// Package policy evaluates the Rego policy of terraform/policy with the library
// of Open Policy Agent, so that the same text that conftest reads is tested and
// can be used where no conftest is at hand.
package policy

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/rego"
)

// A Finding is one refusal.
type Finding struct {
	Rule    string `json:"rule"`
	Address string `json:"address"`
	Message string `json:"msg"`
}

// A Policy is a compiled policy folder.
type Policy struct{ query rego.PreparedEvalQuery }

// Load compiles the .rego files of a folder.
func Load(ctx context.Context, folder string) (*Policy, error) {
	query, err := rego.New(rego.Query("data.main.deny"), rego.Load([]string{folder}, nil)).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("compiling the policy in %s: %w", folder, err)
	}
	return &Policy{query: query}, nil
}

// Check judges the output of `terraform show -json`. No finding means that it
// is allowed; the findings are sorted.
func (p *Policy) Check(ctx context.Context, shown []byte) ([]Finding, error) {
	var input any
	if err := json.Unmarshal(shown, &input); err != nil {
		return nil, fmt.Errorf("parsing the plan or state: %w", err)
	}
	results, err := p.query.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return nil, fmt.Errorf("evaluating the policy: %w", err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return nil, fmt.Errorf("evaluating the policy: data.main.deny is undefined; is the folder complete?")
	}
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		return nil, fmt.Errorf("reading the findings: %w", err)
	}
	var findings []Finding
	if err := json.Unmarshal(text, &findings); err != nil {
		return nil, fmt.Errorf("reading the findings: %w", err)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Message, b.Message))
	})
	return findings, nil
}
