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
  # What is still being written lies in .writing. tar's status 1 is a file that changed meanwhile, 2 an archive that is not whole; within the
  # container, for outside of it 1 is the engine's, too.
  $compose exec -T fetcher-api sh -c 'tar -C /objects --exclude ./.cache --exclude ./.writing -cf - . || [ $? = 1 ]' >"$folder/objects.tar.new"
}
mv "$folder/florilegium.dump.new" "$folder/florilegium.dump"
mv "$folder/objects.tar.new" "$folder/objects.tar"
echo "backed up: $(du -sh "$folder" | cut -f1) in $folder"
