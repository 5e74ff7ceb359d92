package source

import (
	"errors"
	"fmt"

	"seihon/artifact"
)

// checkScope refuses a list that does not say what an import would take it to say (RFC 5280 5.2): what is critical and
// not understood, and what speaks of other certificates or of some reasons only. docs/inventory.md has the table.
func checkScope(l *artifact.RevocationList) error {
	switch {
	case len(l.UnhandledCritical) > 0:
		return fmt.Errorf("its critical extension %s is not understood (RFC 5280 5.2)", l.UnhandledCritical[0])
	case l.BaseNumber != nil:
		return errors.New("it is a delta CRL: import a complete one")
	case l.IDP == nil:
		return nil
	case l.IDP.Indirect:
		return errors.New("it is an indirect CRL, whose entries name other issuers")
	case l.IDP.OnlyAttribute:
		return errors.New("it is a list of attribute certificates")
	case l.IDP.OnlySomeReasons:
		return errors.New("it holds revocations for some reasons only: import the list for all reasons")
	case l.IDP.OnlyUser && l.IDP.OnlyCA:
		return errors.New("its distribution point excludes every certificate")
	}
	return nil
}
