#!/bin/sh
# Restores what deploy/compose-backup.sh made into an empty stack (new volumes), and starts it.
# Usage: deploy/compose-restore.sh FOLDER; COMPOSE: the command with its options, "docker compose" when not given.
set -eu
compose=${COMPOSE:-docker compose}
folder=$1
# shellcheck disable=SC2086 # a command and its options
{
  $compose up -d postgres nats provision
  tries=0
  until [ "$($compose exec -T postgres psql -U postgres -d florilegium -Atc "select count(*) from pg_namespace where nspname in ('catalog', 'fetcher', 'inference', 'curation', 'trainer')" 2>/dev/null)" = 5 ]; do
    tries=$((tries + 1)); [ "$tries" -lt 120 ] || { echo "the roles and schemas were not made within two minutes" >&2; exit 1; }
    sleep 1
  done
  # Objects first: a database that names what is not there yet would serve it.
  $compose run --rm -T --no-deps --entrypoint tar fetcher-api -C /objects -xf - <"$folder/objects.tar"
  $compose exec -T postgres pg_restore --username postgres --dbname florilegium --clean --if-exists --exit-on-error <"$folder/florilegium.dump"
  $compose up -d
}
echo "restored from $folder"
