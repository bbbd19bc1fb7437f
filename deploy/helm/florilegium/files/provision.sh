#!/bin/sh
# Gives each service a role and a schema of its name. May run any number of times; a changed password is taken over.
# Usage: provision.sh FOLDER, with one file per service in it, named after the service and holding its postgresql:// address.
# Environment: POSTGRES_PASSWORD of the user postgres; POSTGRES_DB, the database; PGHOST, its host, this one when not given.
set -eu
export PGHOST="${PGHOST:-127.0.0.1}" PGUSER=postgres PGPASSWORD="$POSTGRES_PASSWORD" PGDATABASE="$POSTGRES_DB" PGCONNECT_TIMEOUT=5
export PGOPTIONS="-c client_min_messages=warning"

# While the image makes the database its server listens on a socket file alone, so an answer here is the real server's.
tries=0
until psql -qtc 'select 1' >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 120 ] || { echo "PostgreSQL did not answer within two minutes" >&2; exit 1; }
  sleep 1
done

for file in "$1"/*; do
  address=$(cat "$file")
  password=${address#*://*:}
  ROLE=$(basename "$file") PASSWORD=${password%%@*} psql -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv role ROLE
\getenv password PASSWORD
select format('create role %I', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" login password :'password';
create schema if not exists :"role" authorization :"role";
SQL
done
