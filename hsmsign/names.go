package hsmsign

import (
	"fmt"
	"math/big"

	"seihon/artifact"
)

// The public names of the repository. They are lower case ASCII without "+",
// "//" and spaces, which some store or client would mangle.

func certificateName(name string) string { return "cert/" + name + ".cer" }

func crlName(issuer string, kind artifact.Kind) string {
	switch kind {
	case artifact.ARL:
		return "crl/" + issuer + "-arl.crl"
	case artifact.DeltaCRL:
		return "crl/" + issuer + "-delta.crl"
	}
	return "crl/" + issuer + ".crl"
}

func crlShardName(issuer string, shard int) string {
	return fmt.Sprintf("crl/%s/%d.crl", issuer, shard)
}

func crlHistoryName(issuer string, number *big.Int) string {
	return fmt.Sprintf("crl/%s/history/%s.crl", issuer, number)
}

func bundleName(d artifact.Digest) string { return "ocsp/bundles/" + d.String() }

func generationName(issuer string) string { return "ocsp/" + issuer + ".generation" }

func documentName(name, version string) string { return "docs/" + name + "-" + version + ".pdf" }

const indexName = "index.html"

// publicURL is the address under which a public name is found.
func (r *Room) publicURL(name string) string { return r.conf.Repository.BaseURL + "/" + name }
