package report

const (
	republishJA = "publisher sync --repair で正本から復元し、変更者を調査する"
	republish   = "restore it from the master with publisher sync --repair, and find out who changed it"
)

// copyCodes are the findings about public copies.
var copyCodes = []Code{
	{"private-key", Critical, "private-key", "3C56", "秘密鍵が公開領域にある", "a private key lies in the public repository", "直ちに削除し、鍵の危殆化として対処する", "remove it at once and treat the key as compromised"},
	{"copy-extra", Error, "not-in-ledger", "3C56", "台帳にないものが公開されている", "something is public that the ledger does not know", "出所を調査し、証拠を保全のうえ削除する", "find out where it comes from, keep it as evidence, and remove it"},
	{"copy-leftover", Note, "", "", "公開処理の一時ファイルが残っている", "a temporary file of the publisher is left over", "次回の公開処理が削除する", "the publisher removes it by itself"},
	{"copy-missing", Error, "", "3713", "公開されているべきものがない", "something that should be public is not there", republishJA, republish},
	{"copy-different", Error, "", "3C56", "副本が正本と一致しない", "a copy is not equal to its master", republishJA, republish},
	{"copy-outdated", Error, "", "3713", "副本が古い版に置き換わっている", "a copy is an older version than its checkpoint promises", republishJA, republish},
	{"copy-swapped", Error, "", "3C56", "別の名前の正本が公開されている", "a copy holds the bytes of another name's master", republishJA, republish},
	{"copy-ahead", Note, "", "3713", "副本がチェックポイントより新しい（公開処理の途中）", "a copy is newer than its checkpoint promises (a sync is under way or was urgent)", "次回の公開処理で解消する", "the next full sync settles it"},
	{"copy-withdrawn", Warning, "", "3C56", "取り下げ済みのものが公開されたままである", "something that was withdrawn is still public", "publisher sync --prune を実行する", "run publisher sync --prune"},
	{"copy-superseded", Note, "", "", "取り下げ済みの古い OCSP バンドルが残っている", "a withdrawn bundle of expired OCSP responses is still there", "publisher sync --prune で削除できる（支障はない）", "publisher sync --prune removes it; it is harmless"},
	{"copy-unreadable", Warning, "", "3713", "副本を読めない", "a copy cannot be read", "接続・権限・稼働状況を確認する", "check the connection, the permissions and the service"},
	{"copy-forbidden", Error, "", "3713", "副本の読み取りがすべて拒否される", "the copy refuses every request", "バケットポリシーまたは配信の許可を公開読み取り（GetObject）に改める。バケットが空の場合にも起こる", "let the bucket's policy, or the CDN's access to it, allow everybody to read (s3:GetObject, storage.objects.get); an empty bucket that may not be listed answers so, too"},
	{"copy-unlisted", Note, "", "3C56", "一覧を取得できないため、台帳外の公開物は調べていない", "the source cannot be listed, so that extra objects were not looked for", "バケットの一覧を与えて再実行する", "give a listing of the bucket and run again"},
	{"checkpoint-missing", Error, "", "3C56", "公開チェックポイントがない", "the copy has no checkpoint", republishJA, republish},
	{"checkpoint-invalid", Critical, "", "3C56", "公開チェックポイントの署名または形式が不正", "the public checkpoint is not one that the pinned keys signed", keepJA, keep},
	{"checkpoint-fork", Critical, "", "3C56", "公開チェックポイントが正本のログと矛盾する", "the public checkpoint contradicts the master log", keepJA, keep},
	{"checkpoint-ahead", Critical, "", "3C56", "公開チェックポイントが正本より新しい（正本の巻き戻し）", "the public checkpoint is newer than the master: the master lost entries", "正本の最新の控えを探し、修復の前に取り込む", "find the newest copy of the master, and import it before anything is repaired"},
	{"checkpoint-rollback", Critical, "", "3C56", "公開チェックポイントが前回確認時より古い", "the public checkpoint is older than one the auditor saw", "巻き戻した者を調査し、公開し直す", "find out who put it back, and publish again"},
	{"checkpoint-behind", Warning, "", "3713", "副本が正本より遅れている", "the copy is behind the master", "publisher sync を実行する", "run publisher sync"},
	{"receipt-unknown", Error, "not-in-ledger", "3C56", "正本にないものを公開した記録がある", "something was published that no line of the master names", "公開機の操作記録を調査する", "examine what was done on the publishing host"},
	{"generation-proof", Error, "ocsp-generation", "3C56", "世代ファイルの証明が検証できない", "the proof in a generation file does not verify", republishJA, republish},
	{"vantage-differs", Error, "", "3713", "公開場所によって内容が異なる", "the same name has different content at different places", "キャッシュの更新または再公開を行う", "purge the cache or publish again"},
	{"header-type", Error, "", "3713", "Content-Type が不正", "the Content-Type is wrong", "publisher sync --repair または配信設定を修正する", "publish again, or correct the delivery's settings"},
	{"header-cache", Error, "", "3713", "キャッシュが nextUpdate を超えて保持し得る", "caches may keep the object beyond its nextUpdate", "Cache-Control を修正する", "correct Cache-Control"},
	{"header-date", Warning, "", "3713", "HTTP ヘッダーの日時が不正", "a date in the HTTP headers is malformed", "配信設定を修正する", "correct the delivery's settings"},
	{"header-encoding", Error, "", "3713", "Content-Encoding により内容が変形されている", "the object is served with a Content-Encoding", "圧縮を無効にする", "turn compression off"},
	{"header-redirect", Warning, "", "3713", "転送されている（OCSP・CRL クライアントは追従しないことがある）", "the request is redirected, which many OCSP and CRL clients do not follow", "http のまま直接応答させる", "answer at the plain http address itself"},
	{"receipt-missing", Error, "", "3C56", "公開されているものについて、公開ログに受領記録がない", "something is public that the publication log has no receipt of", "公開機の操作記録を調査する", "examine what was done on the publishing host"},
	{"publication-restarted", Warning, "", "3C56", "公開ログが途中から作り直されている（理由は詳細のとおり）", "the publication log began in the place of an earlier one, for the reason that is given", "理由を確認し、以前のログの控えを保存したうえで、新しいログのチェックポイントを控える（以後 --checkpoint で与える）", "judge the reason, keep what is left of the earlier log, and keep this log's checkpoint, to give it with --checkpoint from now on"},
	{"target-retired", Note, "", "3C56", "公開したことのある公開先が、記録に残して廃止されている", "a place that was published to was given up, on record", "そこに何も公開されていないことを確かめる", "make sure that nothing is public there any more"},
	{"target-dropped", Warning, "", "3C56", "公開ログに記録のある公開先が設定から外されている", "the publication log has receipts of a place that the configuration does not name any more", "廃止した公開先なら内容の削除を確かめて publisher retire で記録し、そうでなければ設定に戻す", "put it back into the configuration, or make sure that nothing is public there any more and record that (publisher retire)"},
}
