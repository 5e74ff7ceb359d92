// Command signer is the signing room: the only binary that talks to the HSM.
// Each command lives in a file of its own; see package hsmsign for what they do.
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
		Name:    "signer",
		Usage:   "sign and record what the certificate authority publishes",
		Version: version,
		Commands: []*cli.Command{
			initCommand(now), tokenCommand(now), evidenceCommand(now), counterCommand(now), keygenCommand(now),
			certificateRequestCommand(now), issueCommand(now), linkCommand(now), crossCommand(now), importCommand(now),
			inventoryCommand(now), showCommand(now), revokeCommand(now), acceptCommand(now),
			crlCommand(now), ocspCommand(now), documentCommand(now), runCommand(now),
			withdrawCommand(now), approvalCommand(now), logCommand(now), witnessCommand(now), timestampCommand(now),
			exportCommand(now), archiveCommand(now), statusCommand(now),
		},
	}
}
