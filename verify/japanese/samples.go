package japanese

// sampleRows are what the samples of vantages say.
var sampleRows = []row{
	{"no pinned key has signed it", "固定した鍵の署名がない"},
	{"malformed note", "署名付きノートの形式が不正"},
	{"invalid signature for key %s", "鍵 {1} の署名が不正"},
	{"its first line is %.80q, must be %q", "最初の行が {1} であり、{2} でない"},
	{"it says that it is of %.80q, whose key has not signed it", "{1} のものとされているが、その鍵の署名がない"},
	{"round %d: %w", "{1} 回目の観測：{2}"},
	{"round %d is not one of samples of %q", "{1} 回目の記録が {2} の観測でない"},
	{"the file is longer than %d bytes", "ファイルが {1} バイトより長い"},
	{"%s got it at %s, and %s the other at %s; %d times", "{1!} が {2} に受け取った。{3!} は {4} にもう一方を受け取っている（{5} 回）"},
	{"a vantage without a name", "名称のない観測者"},
	{"number %s, SHA-256 %s", "番号 {1!}、SHA-256 {2!}"},
	{"good, revoked", "good（有効）と revoked（失効）の両方"},
}
