// Command google-standin is a Terraform provider that stands in for
// hashicorp/google in tests; see package standin. Terraform starts it. The
// module whose arguments it takes in is named by $SEIHON_STANDIN_MODULE.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"seihon/terraform/test/internal/standin"
)

func main() {
	p, err := standin.New(os.Getenv("SEIHON_STANDIN_MODULE"))
	if err == nil {
		err = tf6server.Serve("registry.terraform.io/hashicorp/google", func() tfprotov6.ProviderServer { return p })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "google-standin:", err)
		os.Exit(1)
	}
}
