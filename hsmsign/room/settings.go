package room

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"seihon/hsmsign/token"
	"seihon/internal/config"
	"seihon/internal/regular"
)

// TokenConfig says how the configuration wants a token of the room opened.
func TokenConfig(s *config.Signer, t config.SigningToken, now func() time.Time, logger *zap.Logger) token.Config {
	return token.Config{
		Module:       string(t.Module),
		ModuleConfig: t.ModuleConfig,
		TokenLabel:   t.HSM.Token,
		TokenSerial:  t.Serial,
		PIN:          PINSource(t),
		StateDir:     string(s.State),
		Sessions:     t.Sessions,
		Timeout:      t.Timeout.Std(),
		Outage:       t.Outage.Std(),
		Now:          now,
		Logger:       logger,
	}
}

// UseSoftHSMConfig points SoftHSM at the configured softhsm2.conf. The module
// reads it from the environment, so this must happen before it is loaded.
func UseSoftHSMConfig(s *config.Signer) error {
	for _, t := range s.AllTokens() {
		if t.SoftHSMConfig == "" {
			continue
		}
		if err := token.UseSoftHSM(string(t.SoftHSMConfig)); err != nil {
			return err
		}
	}
	return nil
}

// InventoryDSN is the address of the inventory's database.
func InventoryDSN(s *config.Signer) string {
	if strings.Contains(string(s.Inventory), "://") {
		return string(s.Inventory)
	}
	return "sqlite:" + string(s.Inventory)
}

// readLine returns the one line of a small text file.
func readLine(file string) (string, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(raw)), nil
}

// PINSource returns the source of the token's PIN that the configuration names.
func PINSource(t config.SigningToken) token.PINSource {
	switch p := t.PIN; {
	case p.File != "":
		return token.FilePIN(string(p.File))
	case p.Credential != "":
		return token.CredentialPIN(p.Credential)
	case p.Env != "":
		return token.EnvPIN(p.Env)
	}
	return token.PromptPIN("user PIN of " + t.String())
}
