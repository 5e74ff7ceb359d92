//go:build go1.27

package artifact

import "crypto/x509"

// mldsaAlgorithms are ML-DSA (FIPS 204) by RFC 9881 section 2: the identifiers have no parameters. Go knows ML-DSA from 1.27 on;
// built with an older one, it is an algorithm that is not supported.
var mldsaAlgorithms = []plainAlgorithm{
	{unhex("608648016503040311"), false, x509.MLDSA44},
	{unhex("608648016503040312"), false, x509.MLDSA65},
	{unhex("608648016503040313"), false, x509.MLDSA87},
}
