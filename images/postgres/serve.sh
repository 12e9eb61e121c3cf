#!/bin/sh
# Initialises $PGDATA if need be and serves it on port 5432. Arguments are passed to postgres (-c name=value).
# Settings go by the names that other images of Postgres have made known:
# POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE: the superuser's password, taken over at every start.
# POSTGRES_USER (konstruct), POSTGRES_DB (its name): the superuser and the database, of the first start.
set -eu
user=${POSTGRES_USER:-konstruct}
database=${POSTGRES_DB:-$user}
password=${POSTGRES_PASSWORD:-}
[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
if [ -z "$password" ]; then
  echo "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE." >&2
  exit 2
fi
mkdir -p "$(dirname "$PGDATA")" 2>/dev/null || true
if [ ! -w "$(dirname "$PGDATA")" ]; then
  echo "$(dirname "$PGDATA") cannot be written by user $(id -u): mount a volume there (fsGroup: $(id -g))." >&2
  exit 2
fi
single() { postgres --single -D "$1" -c exit_on_error=on postgres >/dev/null; }
quoted() { printf %s "$2" | sed "s/$1/$1$1/g"; }
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made under another name: what a killed first start leaves is not taken for a database.
  rm -rf "$PGDATA.new"
  initdb --pgdata "$PGDATA.new" --username "$user" --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --pwfile /dev/stdin >/dev/null <<PASSWORD
$password
PASSWORD
  echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
  [ "$database" = postgres ] || echo "CREATE DATABASE \"$(quoted '"' "$database")\"" | single "$PGDATA.new"
  mv "$PGDATA.new" "$PGDATA"
fi
# Single-user mode wants the server down, and it is: a pod has the volume to itself.
rm -f "$PGDATA/postmaster.pid"
echo "ALTER ROLE \"$(quoted '"' "$user")\" PASSWORD '$(quoted "'" "$password")'" | single "$PGDATA"
exec postgres -D "$PGDATA" -c listen_addresses='*' -c port=5432 -c unix_socket_directories=/tmp -c timezone=Etc/UTC \
  -c max_connections=200 "$@"
