# bash completion of publisher, made from --help.
_publisher() {
  local word=${COMP_WORDS[COMP_CWORD]} before="${COMP_WORDS[*]:1:COMP_CWORD-1}" choices=
  case "$before" in
  "run" | "run "*) choices="--config --json --quiet --log-format --target --only --repair --prune --new-log --reason --prometheus --tier --sample --seed --source --responder --list --proxy --offline --master --checkpoint --first --pins --remember --html --auditor --body --samples --inventory --empty --price --help" ;;
  "plan" | "plan "*) choices="--config --json --quiet --log-format --target --only --repair --prune --help" ;;
  "sync" | "sync "*) choices="--config --json --quiet --log-format --target --only --repair --prune --new-log --reason --prometheus --dry-run --help" ;;
  "verify" | "verify "*) choices="--config --json --quiet --log-format --tier --sample --seed --source --responder --list --proxy --offline --master --checkpoint --first --pins --remember --html --auditor --body --samples --inventory --empty --price --resume --report --sign-with --now --estimate --help" ;;
  "explain" | "explain "*) choices="--config --json --quiet --log-format --file --help" ;;
  "serve" | "serve "*) choices="--config --json --quiet --log-format --listen --metrics --tls-cert --tls-key --access-log --help" ;;
  "probe" | "probe "*) choices="--config --json --quiet --log-format --vantage --key --out --new-key --proxy --dry-run --help" ;;
  "observe" | "observe "*) choices="--config --json --quiet --log-format --issuer-certificate --crl --partition --ocsp --certificate --list --state --html --report --prometheus --timeout --proxy --help" ;;
  "report" | "report "*) choices="--config --json --quiet --log-format --month --samples --html --now --help" ;;
  "status" | "status "*) choices="--config --json --quiet --log-format --warn --critical --prometheus --html --lang --help" ;;
  "retire" | "retire "*) choices="--config --json --quiet --log-format --target --reason --dry-run --help" ;;
  "dashboard" | "dashboard "*) choices="--config --json --quiet --log-format --warn --critical --listen --allow-remote --name --refresh --lang --help" ;;
  "status-at" | "status-at "*) choices="--config --json --quiet --log-format --issuer --serial --certificate --time --out --check --help" ;;
  "ledger show" | "ledger show "*) choices="--config --json --quiet --log-format --log --help" ;;
  "ledger prove" | "ledger prove "*) choices="--config --json --quiet --log-format --name --out --log --help" ;;
  "ledger check" | "ledger check "*) choices="--config --json --quiet --log-format --checkpoint --log --help" ;;
  "ledger tail" | "ledger tail "*) choices="--config --json --quiet --log-format --log --help" ;;
  "ledger" | "ledger "*) choices="show prove check tail --help" ;;
  "import" | "import "*) choices="--config --json --quiet --log-format --file --private --dry-run --help" ;;
  "adopt" | "adopt "*) choices="--config --json --quiet --log-format --target --dry-run --yes --remove --help" ;;
  "purge" | "purge "*) choices="--config --json --quiet --log-format --target --name --urgent --all --wait --dry-run --help" ;;
  "config init" | "config init "*) choices="--config --json --quiet --log-format --help" ;;
  "config check" | "config check "*) choices="--config --json --quiet --log-format --help" ;;
  "config print" | "config print "*) choices="--config --json --quiet --log-format --help" ;;
  "config" | "config "*) choices="init check print --help" ;;
  "") choices="run plan sync verify explain serve probe observe report status retire dashboard status-at ledger import adopt purge config --help --version" ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
complete -o default -F _publisher publisher
