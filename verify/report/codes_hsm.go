package report

// hsmCodes are the findings about the verdicts on the signing room's HSM.
var hsmCodes = []Code{
	{
		"hsm-verdict", Error, "", "3C56",
		"HSM の可否の記録を読めない", "a verdict on the HSM cannot be read",
		"正本の記録を復元する。新しい版の記録なら、その版のプログラムで検証する",
		"restore the document in the master; if a newer version wrote it, verify with that version",
	},
	{
		"hsm-unjudged", Error, "", "3C56",
		"可否の記録がない鍵で署名されている", "an artifact was signed with a key of which the verdict in force says nothing",
		"署名に使われた鍵と HSM を調査する", "find out which key and which HSM signed it",
	},
	{
		"hsm-refused", Critical, "", "3C56",
		"使用を拒否された鍵で署名されている", "an artifact was signed with a key that the verdict in force refuses",
		"署名室の外での鍵の使用を疑い、署名室の記録と HSM の署名回数を調査する",
		"suspect use of the key outside the signing room: examine its records and the HSM's count of signatures",
	},
}
