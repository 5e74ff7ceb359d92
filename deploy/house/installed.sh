#!/bin/sh
# After the package is there: the users that its units run as, and the units themselves.
set -eu
systemd-sysusers
[ ! -d /run/systemd/system ] || systemctl daemon-reload
