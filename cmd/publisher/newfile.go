package main

import (
	"errors"
	"fmt"
	"os"

	"seihon/internal/cliexit"
)

// writeNew writes the file of --out. What was handed out as evidence, or lies there for another reason, is never
// written over.
func writeNew(out string, content []byte) error {
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return cliexit.UsageError("--out: %q exists and is never overwritten; name another file", out)
	}
	if err != nil {
		return fmt.Errorf("writing the file of --out: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", out, err), os.Remove(out))
	}
	return nil
}
