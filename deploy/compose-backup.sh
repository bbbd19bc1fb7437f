#!/bin/sh
# Backs up the stack of compose.yaml: PostgreSQL first, then the objects, which never change once they are there, so that every object the
# database names is in the copy. Usage: deploy/compose-backup.sh FOLDER; COMPOSE: the command with its options, "docker compose" when not given.
set -eu
compose=${COMPOSE:-docker compose}
folder=$1
mkdir -p "$folder"
# shellcheck disable=SC2086 # a command and its options
{
  $compose exec -T postgres pg_dump --username postgres --format custom florilegium >"$folder/florilegium.dump.new"
  $compose exec -T fetcher-api tar -C /objects --exclude ./.cache -cf - . >"$folder/objects.tar.new"
}
mv "$folder/florilegium.dump.new" "$folder/florilegium.dump"
mv "$folder/objects.tar.new" "$folder/objects.tar"
echo "backed up: $(du -sh "$folder" | cut -f1) in $folder"
