// Command publisher is the keyless side: it publishes, serves and verifies what
// the signing room made. It links no signing code for certificates, CRLs or OCSP
// responses and no PKCS #11; layers_test.go and binary_test.go prove it.
// Each command lives in a file of its own.
package main

import (
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seihon/internal/cliexit"
)

// version is set by the linker.
var version = "unknown"

func main() { os.Exit(run(os.Args)) }

func run(args []string) int { return cliexit.Main(app(time.Now), args) }

func app(now func() time.Time) *cli.App {
	return &cli.App{
		Name:    "publisher",
		Usage:   "publish, serve and verify the repository of a certificate authority, without any key",
		Version: version + left,
		Commands: []*cli.Command{
			runCommand(now), planCommand(now), syncCommand(now), verifyCommand(now), explainCommand(now),
			serveCommand(now), probeCommand(now), observeCommand(now), reportCommand(now),
			statusCommand(now), retireCommand(now), dashboardCommand(now), statusAtCommand(now),
			ledgerCommand(now), importCommand(now), adoptCommand(now), purgeCommand(now), configCommand(now),
		},
	}
}
