package report

// approvalCodes are the findings about what several people have to approve in the signing room.
var approvalCodes = []Code{
	{
		"approval-missing", Critical, "", "3C56",
		"必要な承認の記録がない操作", "an act that needs the approval of several people has none on record",
		"署名室の記録を調べ、誰が行ったかを確認する", "examine the records of the signing room: who did it, and past which program",
	},
	{
		"approval-invalid", Error, "", "3C56",
		"有効でない承認の記録", "an approval on record does not hold",
		"署名室の記録を調べる。他の版の記録なら、その版のプログラムで検証する",
		"examine the records of the signing room; if a newer version wrote it, verify with that version",
	},
	{
		"approval-rule", Critical, "", "3C56",
		"承認の定めが、承認なしに緩められたか、読めない", "the rule of approvals was weakened without approval, or cannot be read",
		"以前の定めを有効として照合した。誰が変えたかを確認する", "the rule before it was held to be in force; find out who changed it",
	},
}
