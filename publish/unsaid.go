package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"seihon/internal/durable"
	past "seihon/publish/memory"
)

// A compared is up to where this host has compared every list and generation of
// the master with the one before. It saves work only: without it, everything
// that a target lacks is compared again.
type compared struct {
	Size int64  `json:"size"`
	Root string `json:"root"` // of the log at that size
}

func (c Config) comparedPath() string { return filepath.Join(c.StateDir, "compared.json") }

// compared returns the size up to which nothing has to be compared again.
func (c Config) compared() int64 {
	var k compared
	b, err := os.ReadFile(c.comparedPath())
	if c.StateDir == "" || err != nil || json.Unmarshal(b, &k) != nil || k.Size < 0 || k.Size > c.Master.Size() {
		return 0
	}
	if root, err := c.Master.RootAt(k.Size); err != nil || root.String() != k.Root {
		return 0
	}
	return k.Size
}

// rememberCompared notes that nothing up to a size unsays what came before.
func (c Config) rememberCompared(size int64) error {
	if c.StateDir == "" || size <= c.compared() {
		return nil
	}
	root, err := c.Master.RootAt(size)
	if err != nil {
		return fmt.Errorf("remembering what was compared: %w", err)
	}
	b, err := json.Marshal(compared{Size: size, Root: root.String()})
	if err == nil {
		err = os.MkdirAll(c.StateDir, 0o700)
	}
	if err == nil {
		err = durable.WriteFile(c.comparedPath(), b, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("remembering what was compared: %w", err)
	}
	return nil
}

// refuseUnsaid takes everything of an issuer out of the plan whose new list or
// response unsays what the master said before. The other issuers go on, and the
// target's checkpoint stays where it is.
func (s *session) refuseUnsaid(ctx context.Context, p *Plan) error {
	from := max(p.From, s.config.compared())
	faults, err := past.Check(ctx, s.config.Master, min(from, p.To), p.To, s.config.OverrideKeys)
	if err != nil {
		return err
	}
	if len(faults) == 0 {
		if err := s.config.rememberCompared(p.To); err != nil {
			s.logger.Warn("the next sync will compare more than it must", zap.Error(err))
		}
		return nil
	}
	for _, issuer := range slices.Sorted(maps.Keys(faults)) {
		s.result.Unsaid = append(s.result.Unsaid, faults[issuer]...)
	}
	p.Steps = slices.DeleteFunc(p.Steps, func(step Step) bool {
		if step.file != nil || faults[step.line.Issuer] == nil {
			return false
		}
		s.held = append(s.held, step.Name)
		return true
	})
	p.Estimate = p.estimate()
	return nil
}
