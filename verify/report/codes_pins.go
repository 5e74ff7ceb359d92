package report

// pinCodes are the findings about the configuration.
var pinCodes = []Code{
	{"pins-fewer", Critical, "", "3C56", "設定が、監査人の固定した鍵・認証局・公開先より少ない、または異なる",
		"the configuration pins less than the auditor's file, or something else",
		"監査人の控えと照合し、設定を改めた者と理由を確認する。正当な変更であれば監査人が自ら控えを改める",
		"compare with the auditor's papers and ask who changed the configuration and why; a rightful change is " +
			"entered into the file by the auditor"},
	{"pins-more", Note, "", "3C56", "設定に、監査人の控えにない公開先または鍵がある（より厳しい検証となる）",
		"the configuration names more to look at, or more keys to require, than the auditor's file", "確認のうえ監査人の控えに加える",
		"add it to the auditor's file once it is confirmed"},
}
