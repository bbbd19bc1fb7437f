#!/bin/sh
# Writes .env for compose.yaml with random passwords and keys, and prints the operator's API key.
# An existing file stays as it is: PostgreSQL's volume knows its password.
set -eu
cd "$(dirname "$0")/.."
target=${1:-.env}
if [ -e "$target" ]; then
  echo "$target is there already" >&2
else
  random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
  sha256() { printf %s "$1" | sha256sum | cut -c1-64; }
  service_key=$(random) operator_key=$(random)
  umask 077
  {
    echo "POSTGRES_PASSWORD=$(random)"
    echo "DATABASE_PASSWORD=$(random)"
    echo "NATS_PASSWORD=$(random)"
    echo "SERVICE_API_KEY=$service_key"
    echo "OPERATOR_API_KEY=$operator_key"
    echo "API_KEYS=service:operator:$(sha256 "$service_key"),operator:operator:$(sha256 "$operator_key")"
  } >"$target.new"
  mv "$target.new" "$target"
fi
sed -n 's/^OPERATOR_API_KEY=/your API key, with the role operator: /p' "$target"
