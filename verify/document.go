package verify

import (
	"seihon/artifact"
	"seihon/artifact/cms"
	"seihon/verify/report"
)

// checkDocument asks of a CP/CPS what an auditor asks beyond section A: that the signer chains to a CA of this
// hierarchy at the time of signing, that the signature names its certificate and covers the whole document. An unsigned
// document has been noted.
func (c *checker) checkDocument(v *version, a *artifact.Artifact, content []byte) {
	o := cms.Options{Issuers: c.trust.Issuers(), AllowUnbound: true}
	var err error
	switch {
	case v.Kind == artifact.Document && isSigned(a):
		_, err = cms.VerifyPDF(a.Bytes, o)
	case v.Kind == artifact.DocumentSignature && content != nil:
		_, err = cms.Verify(a.Bytes, content, o)
	case v.Kind == artifact.DocumentSignature:
		c.Found(report.Finding{Code: "document-signature", Source: report.SourceMaster, Name: v.Name,
			Severity: report.Warning, Detail: "the ledger has no document beside it"})
		return
	default:
		return
	}
	if err != nil {
		c.Found(report.Finding{Code: "document-signature", Source: report.SourceMaster, Name: v.Name,
			Detail: err.Error()})
		return
	}
	c.counts.signatures.Add(1)
}

// isSigned reports whether there are signatures inside the document that hold; section A refuses those that do not.
func isSigned(a *artifact.Artifact) bool {
	signers, err := artifact.VerifyDocument(a.Bytes)
	return err == nil && len(signers) > 0
}
