package report

// A ResponderSummary says what one OCSP responder was asked. All answers were read by two readers that share no code,
// except those that OneRead counts: the second does not know the algorithm of their signatures.
type ResponderSummary struct {
	Address string            `json:"address"`
	Methods []string          `json:"methods"`
	Issuers []ResponderIssuer `json:"issuers"`
	OneRead int               `json:"one_read"`
}

// A ResponderIssuer counts the questions about certificates of one issuer, by what the master says of them.
type ResponderIssuer struct {
	Issuer      string `json:"issuer"`
	Good        int    `json:"good"`
	Revoked     int    `json:"revoked"`
	NeverIssued int    `json:"never_issued"`
}
