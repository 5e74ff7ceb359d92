package report

// aliasCodes are the findings about further names of artifacts, which certificates of an older time point at.
var aliasCodes = []Code{
	{"alias-different", Critical, "", "3C56", "別名で公開されている内容が正本と一致しない（旧証明書の CRLDP・AIA の先）",
		"a further name of an artifact, to which older certificates point, does not hold the artifact", republishJA,
		republish},
	{"alias-missing", Critical, "", "3713", "別名で公開されているべきものがない（旧証明書の CRLDP・AIA の先）",
		"nothing lies at a further name of an artifact, to which older certificates point",
		"publisher sync を実行する。以前はあったなら publisher sync --repair で復元し、変更者を調査する",
		"run publisher sync; if it was there before, restore it with publisher sync --repair and find out who " +
			"removed it"},
	{"alias-without-artifact", Warning, "", "3713", "設定の別名に対応する正本がない",
		"the configuration has a further name of something that the master does not have", "設定の names を改めるか、署名室で受け入れる",
		"correct names in the configuration, or let the signing room take the artifact in"},
}
