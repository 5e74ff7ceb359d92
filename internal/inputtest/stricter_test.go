//go:build integration

package inputtest

// Reasons that more than one difference has.
const (
	existing = "the certificate exists, whatever is wrong with it, and its revocation must be told (RFC 5280 " +
		"section 3.3)"
	compared = "RFC 5280 section 7.1: names are compared by their prepared text (RFC 4518), not by their octets"
)

// stricter are the reasons why something comes in that another program refuses. said is in what it says.
var stricter = []struct{ tool, prefix, said, why string }{
	{"java", "list issuer: name in ", "another issuer", compared},
	{"java", "certificate: issuer: name in ", "another issuer", compared},
	{"openssl", "list issuer: name in full width", "CRL issuer certificate", compared},
	{"openssl", "certificate: issuer: name in full width", "local issuer certificate", compared},
	{"zlint", "revocation date: five minutes later", "revocation_time_after",
		"RFC 5280 section 5.1.2.6 sets no such bound; two clocks may differ by five minutes"},
	{"zlint", "response: two ", "unable to parse",
		"RFC 6960 section 4.2.1: responses is a SEQUENCE OF; zlint reads one"},
	{"zlint", "certificate: ", "e_serial_number", existing},
	{"zlint", "certificate: ", "time", existing},
	{"zlint", "certificate: ", "e_validity", existing},
	{"openssl", "certificate: not", "format error", existing},
	{"java", "certificate: not", "", existing},
	{"openssl", "certificate: not", "expired", existing},
	{"openssl", "index: serial ", "bad serial number length",
		"RFC 5280 section 4.1.2.2: a serial number is a number, whatever digits write it"},
	{"openssl", "index: revocation: a GeneralizedTime", "invalid revocation date",
		"RFC 5280 section 5.1.2.6: it names one moment, however it is written"},
}
