// Command reference writes terraform/REFERENCE.md.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"seihon/terraform/test/internal/reference"
)

func main() {
	root := ".."
	page, err := reference.Page(root)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "REFERENCE.md"), []byte(page), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}
