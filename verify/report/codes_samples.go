package report

const (
	askSamplesJA = "観測者本人から観測ファイルを改めて受け取り、固定した鍵を確認する"
	askSamples   = "get the file from the vantage itself again, and compare the pinned key with it"
	edgesJA      = "双方の応答を証拠として保全し、キャッシュと公開先を確認して、公開し直す"
	edges        = "keep both answers as evidence, look at the caches and at the place, and publish again"
)

// sampleCodes are the findings about samples of the public addresses.
var sampleCodes = []Code{
	{"samples-unpinned", Error, "", "3713", "観測ファイルに、固定した鍵の署名がない（計上しない）",
		"no pinned key has signed a file of samples; it counts for nothing", askSamplesJA, askSamples},
	{"samples-invalid", Error, "", "3713", "観測ファイルを読めない、または改変されている（計上しない）",
		"a file of samples cannot be read or was altered; it counts for nothing", askSamplesJA, askSamples},
	{"samples-differ", Critical, "", "3713", "同じ問い合わせに対する応答が観測者によって異なる", "the same question was answered differently",
		edgesJA, edges},
	{"samples-older", Critical, "", "3713", "より新しい版が公開された後に、キャッシュでは説明できない古い版が応答された",
		"an answer was older than what had been public before, and caches do not explain it", edgesJA, edges},
}
