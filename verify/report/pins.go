package report

// A Pin is something that the check believes without proof. Kinds are API.
type Pin struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the certificate's DER, or of the key's text without line feed
}

// The kinds of pins.
const (
	PinMasterLog      = "master-log-key"
	PinPublicationLog = "publication-log-key"
	PinAnchor         = "anchor"
	PinPartner        = "partner"
	PinOverride       = "override-key"
	PinTimestamp      = "timestamp-root"
	PinWitness        = "witness-key"
	PinVantage        = "vantage-key" // of an outside vantage that signs samples
	PinFile           = "pins-file"   // the auditor's file that the configuration was held against
)
