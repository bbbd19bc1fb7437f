#!/bin/sh
# Writes secret.env with random passwords and keys, from which the kustomization makes the Secret of the quickstart.
# An existing file stays as it is: PostgreSQL's volume knows its passwords.
set -eu
cd "$(dirname "$0")"
[ ! -e secret.env ] || { echo "secret.env is there already" >&2; exit 0; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
sha256() { printf %s "$1" | sha256sum | cut -c1-64; }

service_key=$(random) operator_key=$(random) nats_password=$(random)
umask 077
{
  echo "POSTGRES_PASSWORD=$(random)"
  echo "NATS_PASSWORD=$nats_password"
  echo "NATS_URL=nats://florilegium:$nats_password@florilegium-nats:4222"
  echo "SERVICE_API_KEY=$service_key"
  echo "OPERATOR_API_KEY=$operator_key"
  echo "API_KEYS=service:operator:$(sha256 "$service_key"),operator:operator:$(sha256 "$operator_key")"
  for service in catalog fetcher inference curation trainer; do
    echo "$service=postgresql://$service:$(random)@florilegium-postgres:5432/florilegium"
  done
} >secret.env.new
mv secret.env.new secret.env
