package sectiona

// A sentence is one sentence of the report that rules rest on.
type sentence struct{ quote, gloss string }

// The sentences of the report (3-4 (2) A, and 3-1 to 3-4) by the numbers that docs/section-a.md uses.
var (
	s1 = sentence{"リポジトリにおいて利用している情報は原則として公開情報であり、また認証局によるデジタル署名が行われたデータである。このような場合に求められる機能は可用性のみである",
		"what a repository holds is public in principle and digitally signed by the CA; then availability is the " +
			"only function that is required"}
	s3 = sentence{"OCSP レスポンスに対しデジタル署名を行う、認証局の鍵及びこの署名を行うロジック自体をクラウド上に設置する形…現時点では利用を認められない",
		"placing the CA's key that signs OCSP responses, or the logic that makes this signature, in the cloud is not " +
			"accepted at present"}
	s4 = sentence{"可用性のみが求められる部分に限ってクラウドを利用する場合は、認められるべき ／ 署名済みの OCSP レスポンスを CDN 等に配置する手法",
		"using the cloud only for the part of which just availability is required should be accepted, such as " +
			"placing signed OCSP responses on a CDN"}
	s5 = sentence{"規則第 12 条第 1 項各号に掲げる帳簿書類に該当するもの…現時点では利用を認められない",
		"for what is a book of record under article 12 (1) of the rules, use of the cloud is not accepted at present"}
	s6 = sentence{"正本は別途記録媒体の互換性等を担保した保存方式による保存を行った上で、リポジトリ等において公開する副本についてクラウドを利用することは妨げられない。…調査においては正本と副本が一致していること及び関連するログを確認することが必要",
		"once the master is kept apart in a way that assures compatibility of the medium, the cloud may be used for " +
			"the copy that is published; the survey has to confirm that master and copy are equal, and the " +
			"related logs"}
	s7 = sentence{"現に正しく認定認証業務に係る電子証明書、CP/CPS、CRL 等が公開されていること及び稼働実績の確認が必要",
		"the survey has to confirm that certificates, CP/CPS, CRLs and so on are in fact correctly published, and " +
			"the record of operation"}
	s9 = sentence{"A とは異なり公表情報ではなく、可用性のみならず機密性等を確保する必要がある",
		"unlike A this is not public information: not only availability but also confidentiality and the rest must " +
			"be assured"}
)
