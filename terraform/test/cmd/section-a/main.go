// Command section-a judges a Terraform plan or state by the policy in
// terraform/policy. It reads `terraform show -json` from standard input, prints
// one line per refusal, and exits with 4 when there is one, as the publisher does,
// with 1 when it could not look, and with 2 when it was called in a wrong way.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"seihon/terraform/test/internal/policy"
)

func main() {
	folder := flag.String("policy", "../policy", "`FOLDER` with the Rego files")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "section-a: takes no argument: pipe the output of `terraform show -json` into it")
		os.Exit(2)
	}
	code, err := run(context.Background(), *folder, os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "section-a:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, folder string, in io.Reader, out io.Writer) (int, error) {
	p, err := policy.Load(ctx, folder)
	if err != nil {
		return 1, err
	}
	shown, err := io.ReadAll(in)
	if err != nil {
		return 1, fmt.Errorf("reading standard input: %w", err)
	}
	findings, err := p.Check(ctx, shown)
	if err != nil {
		return 1, err
	}
	for _, f := range findings {
		fmt.Fprintln(out, "refused", f.Message)
	}
	if len(findings) > 0 {
		return 4, nil
	}
	fmt.Fprintln(out, "allowed: nothing in it is against section A")
	return 0, nil
}
