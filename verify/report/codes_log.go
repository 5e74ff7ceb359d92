package report

import "seihon/ledger"

// LogPrefix comes before the codes of package ledger.
const LogPrefix = "log-"

const (
	restoreJA = "正本の控えから復元する。正しいバイト列はログが示している"
	restore   = "restore the file from another copy of the master; the log says which bytes it must have"
	keepJA    = "双方の版を証拠として保全し、署名鍵の管理記録を調査する"
	keep      = "keep both versions as evidence and examine the records of the signing key"
)

// logCodes are the findings of package ledger about the master log and the publication log.
var logCodes = []Code{
	{LogPrefix + ledger.CodeNoLog, Critical, "", "3C56", "ログが存在しない", "there is no log", restoreJA, restore},
	{LogPrefix + ledger.CodeCheckpoint, Critical, "", "3C56", "チェックポイントの形式が不正", "the checkpoint is malformed",
		restoreJA, restore},
	{LogPrefix + ledger.CodeOrigin, Critical, "", "3C56", "別のログのチェックポイントである", "the checkpoint is of another log",
		"固定した鍵とディレクトリの組合せを確認する", "check that the directory and the pinned keys belong together"},
	{LogPrefix + ledger.CodeKey, Critical, "", "3C56", "固定した鍵による署名がない",
		"the checkpoint is not signed by the pinned keys", keepJA, keep},
	{LogPrefix + ledger.CodeRetiredKey, Critical, "", "3C56", "失効済みの鍵でログが署名されている",
		"the log is signed by keys that were retired", keepJA, keep},
	{LogPrefix + ledger.CodeBehind, Warning, "", "3C56", "コミットが中断されている", "a commit was interrupted", "署名室で一度ログを開けば回復する",
		"open the log once in the signing room; it rolls forward"},
	{LogPrefix + ledger.CodeRollback, Critical, "", "3C56", "過去に署名された記録が失われている（切り詰め・巻き戻し）",
		"entries that were signed before are gone (truncation, rollback)", "新しい方の写しを探し、署名を停止する",
		"find the newer copy and let nobody sign until it is found"},
	{LogPrefix + ledger.CodeFork, Critical, "", "3C56", "ログが分岐している",
		"the log was forked: two signed trees contradict each other", keepJA, keep},
	{LogPrefix + ledger.CodeTree, Critical, "", "3C56", "ログのツリーが署名と一致しない", "the tree of the log is not what was signed",
		restoreJA, restore},
	{LogPrefix + ledger.CodeExtraFile, Warning, "", "3C56", "ログに余分なファイルがある", "the log has a file too many",
		"出所を確認し、証拠として移動する", "find out where it comes from and move it away as evidence"},
	{LogPrefix + ledger.CodeEntry, Critical, "", "3C56", "記録の形式が不正", "an entry is malformed", keepJA, keep},
	{LogPrefix + ledger.CodeFuture, Warning, "", "3C56", "記録の時刻が未来である", "an entry is dated in the future",
		"署名室と監査機の時計を確認する", "compare the clocks of the signing room and of this machine"},
	{LogPrefix + ledger.CodeBackwards, Warning, "", "3C56", "記録の時刻が逆行している", "the time of the entries goes backwards",
		"タイムスタンプと時計の記録を照合する", "compare with the timestamps and the records of the clock"},
	{LogPrefix + ledger.CodeAfterFreeze, Critical, "", "3C56", "終了したログに追記されている", "a log that was closed was continued",
		keepJA, keep},
	{LogPrefix + ledger.CodeRotation, Critical, "", "3C56", "鍵更新の記録が不正", "a key rotation is invalid", keepJA, keep},
	{LogPrefix + ledger.CodeArchive, Error, "", "3C56", "保存されたチェックポイントが壊れている", "an archived checkpoint is damaged",
		restoreJA, restore},
	{LogPrefix + ledger.CodeArchiveKey, Critical, "", "3C56", "保存されたチェックポイントの署名が不正",
		"an archived checkpoint is not signed by the log's keys", keepJA, keep},
	{LogPrefix + ledger.CodeArchiveFork, Critical, "", "3C56", "保存されたチェックポイントと矛盾している",
		"an archived checkpoint contradicts the log", keepJA, keep},
	{LogPrefix + ledger.CodeManifest, Critical, "", "3C56", "目録が壊れている", "a manifest is damaged", restoreJA, restore},
	{LogPrefix + ledger.CodeManifestAbsent, Critical, "", "3C56", "目録が失われている", "a manifest is missing", restoreJA,
		restore},
	{LogPrefix + ledger.CodePrivateAbsent, Note, "", "3C56", "正本の非公開部分がここにない",
		"the private part of the master is not here", "署名室の正本、または --private で書き出した正本を検査する",
		"check the master in the signing room, or an export made with --private"},
	{LogPrefix + ledger.CodePrivateLost, Note, "", "3C56", "正本の非公開部分の一部が失われ、それが記録の上で認められている",
		"a part of the private master is lost, which was accepted on record", "控えを探す。各行の記録は、その記録の後に書き直されている",
		"look for a backup; the records of rows were written anew behind that entry"},
	{LogPrefix + ledger.CodeBlob, Critical, "", "3C56", "正本が壊れている", "a master is damaged", restoreJA, restore},
	{LogPrefix + ledger.CodeBlobAbsent, Critical, "", "3C56", "正本が失われている", "a master is missing", restoreJA, restore},
	{LogPrefix + ledger.CodeUnreferenced, Note, "", "3C56", "ログのどの記録にも現れないファイルがある",
		"a file lies there that no entry leads to", "中断した処理の残りであれば害はない",
		"harmless if it is left over from an interrupted run"},
	{LogPrefix + ledger.CodeIndexAhead, Critical, "", "3C56", "索引がログより進んでいる（ログの巻き戻し）",
		"the index is ahead of the log: the log was rolled back", "新しい方のログを探す", "find the newer log"},
	{LogPrefix + ledger.CodeIndexDiffers, Error, "", "3C56", "索引がログと一致しない", "the index differs from the log",
		"索引を削除すれば再作成される。変更者を調査する", "delete the index, it is rebuilt; then ask who changed it"},
	{LogPrefix + ledger.CodeToken, Error, "", "3C56", "タイムスタンプトークンが不正", "a timestamp token is invalid",
		"最新のチェックポイントに改めてタイムスタンプを付す", "stamp the newest checkpoint again"},
	{LogPrefix + ledger.CodeUnreadable, Critical, "", "3C56", "ログを読めない", "the log cannot be read", "ファイルと権限を確認する",
		"check the files and their permissions"},
	{"timestamp-unchecked", Note, "", "3C56", "タイムスタンプがあるが、認証局を固定していないため検証していない",
		"there are time-stamps, but no authority is pinned: they were not checked",
		"設定 verify.timestamps に時刻認証局の証明書を固定する", "pin the authority's certificate in verify.timestamps"},
	{"timestamp-missing", Warning, "", "3C56", "あるべきタイムスタンプがない", "a time-stamp that should be there is missing",
		"正本の控えを探し、最新のチェックポイントに改めてタイムスタンプを付す",
		"look for it in other copies of the master, and stamp the newest checkpoint again"},
	{"witness-quorum", Error, "", "3C56", "最新のチェックポイントに、必要な数の証人の連署がない",
		"the newest checkpoint lacks good cosignatures of enough witnesses", "署名室で連署を依頼し、証人が拒む場合はその理由を調査する",
		"ask the witnesses in the signing room; if one refuses, find out why"},
	{"checkpoint-strangers", Note, "", "3C56", "チェックポイントに、固定していない鍵の署名がある（証拠にならない）",
		"the checkpoint has signatures of keys that nobody pinned; they prove nothing", "署名者が分かれば鍵を固定する",
		"pin the key if it is known whose it is"},
	{"tolerated", Note, "", "3C56", "形式が許す余分なデータがある（検証の対象外であり、証拠にならない）",
		"there is more than what was checked, which the format tolerates; it proves nothing", "誰が何のために付けたかを確認する",
		"find out who added it and what for"},
	{"review-overdue", Warning, "", "", "文書の見直しの期日を過ぎている", "the review of a document is overdue",
		"見直しを行い、記録する：signer evidence --kind KIND --file FILE --review DAY（種類 hsm-verdict の場合：HSM の一覧を見直し、日付を改めて署名する）",
		"review it and record the new one: signer evidence --kind KIND --file FILE --review DAY (of the kind " +
			"hsm-verdict: review the list of approved HSMs, date it and sign it again)"},
}
