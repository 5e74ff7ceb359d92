# bash completion of signer, made from --help.
_signer() {
  local word=${COMP_WORDS[COMP_CWORD]} before="${COMP_WORDS[*]:1:COMP_CWORD-1}" choices=
  case "$before" in
  "init" | "init "*) choices="--config --json --quiet --log-format --init-token --token --so-pin-file --help" ;;
  "token" | "token "*) choices="--config --json --quiet --log-format --check --record --help" ;;
  "evidence" | "evidence "*) choices="--config --json --quiet --log-format --kind --file --render --lang --review --dry-run --help" ;;
  "counter" | "counter "*) choices="--config --json --quiet --log-format --key --count --evidence --begin --dry-run --help" ;;
  "keygen" | "keygen "*) choices="--config --json --quiet --log-format --name --dry-run --approval --approval-request --help" ;;
  "request" | "request "*) choices="--config --json --quiet --log-format --name --out --dry-run --help" ;;
  "issue" | "issue "*) choices="--config --json --quiet --log-format --name --issuer --csr --csr-dir --batch --reissue --adopt --consent --out --out-dir --request --by --dry-run --approval --approval-request --yes --help" ;;
  "link" | "link "*) choices="--config --json --quiet --log-format --name --dry-run --approval --approval-request --help" ;;
  "cross" | "cross "*) choices="--config --json --quiet --log-format --issuer --id --partner --profile --publish --dry-run --approval --approval-request --help" ;;
  "import" | "import "*) choices="--config --json --quiet --log-format --issuer --index --csv --jsonl --certificates --crl --ca --sql --query --ejbca --ejbca-ca --never-issued --no-past --partial --empty --dry-run --override --approval --approval-request --help" ;;
  "inventory rebuild" | "inventory rebuild "*) choices="--config --json --quiet --log-format --help" ;;
  "inventory history" | "inventory history "*) choices="--config --json --quiet --log-format --issuer --serial --help" ;;
  "inventory" | "inventory "*) choices="rebuild history --config --json --quiet --log-format --issuer --subjects --status-only --out --help" ;;
  "show" | "show "*) choices="--config --json --quiet --log-format --issuer --serial --out --help" ;;
  "revoke" | "revoke "*) choices="--config --json --quiet --log-format --issuer --serial --certificate --reason --invalidity --override --time --dry-run --request --by --approval --approval-request --yes --help" ;;
  "accept" | "accept "*) choices="--config --json --quiet --log-format --file --issuer --document --document-version --override --watch --every --dry-run --approval --approval-request --once --help" ;;
  "crl" | "crl "*) choices="--config --json --quiet --log-format --issuer --final --dry-run --approval --approval-request --yes --help" ;;
  "ocsp" | "ocsp "*) choices="--config --json --quiet --log-format --issuer --dry-run --help" ;;
  "document" | "document "*) choices="--config --json --quiet --log-format --name --version --file --effective --dry-run --help" ;;
  "run" | "run "*) choices="--config --json --quiet --log-format --dry-run --accept-clock --accept-private-loss --help" ;;
  "withdraw" | "withdraw "*) choices="--config --json --quiet --log-format --name --reason --dry-run --approval --approval-request --yes --help" ;;
  "approval" | "approval "*) choices="--config --json --quiet --log-format --dry-run --approval --approval-request --help" ;;
  "log rotate" | "log rotate "*) choices="--config --json --quiet --log-format --label --reason --token --dry-run --approval --approval-request --yes --help" ;;
  "log freeze" | "log freeze "*) choices="--config --json --quiet --log-format --reason --successor --dry-run --approval --approval-request --yes --help" ;;
  "log" | "log "*) choices="rotate freeze --help" ;;
  "witness" | "witness "*) choices="--config --json --quiet --log-format --dry-run --help" ;;
  "timestamp" | "timestamp "*) choices="--config --json --quiet --log-format --dry-run --help" ;;
  "export" | "export "*) choices="--config --json --quiet --log-format --out --private --since --dry-run --help" ;;
  "archive" | "archive "*) choices="--config --json --quiet --log-format --out --since --medium --help" ;;
  "status" | "status "*) choices="--config --json --quiet --log-format --warn --critical --prometheus --lang --help" ;;
  "") choices="init token evidence counter keygen request issue link cross import inventory show revoke accept crl ocsp document run withdraw approval log witness timestamp export archive status --help --version" ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
complete -o default -F _signer signer
