#!/bin/bash
# What the official postgres image does with POSTGRES_USER, POSTGRES_PASSWORD[_FILE], POSTGRES_DB and
# POSTGRES_INITDB_ARGS, as far as it is used here: makes the data the first time, then runs the server as `postgres`.
set -euo pipefail
user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"
as=(setpriv --reuid=999 --regid=999 --clear-groups)
[ "$(id -u)" = 0 ] || as=()

if [ "${1:-}" != postgres ]; then exec "$@"; fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password="${POSTGRES_PASSWORD:-}"
    [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password="$(< "$POSTGRES_PASSWORD_FILE")"
    [ -n "$password" ] || { echo "POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE is needed" >&2; exit 1; }
    "${as[@]}" mkdir -p "$PGDATA"
    "${as[@]}" chmod 700 "$PGDATA"
    secret="$(mktemp)"
    printf '%s' "$password" > "$secret"
    chmod 644 "$secret"
    # shellcheck disable=SC2086  # several arguments in one variable, as in the official image
    "${as[@]}" initdb --username="$user" --pwfile="$secret" --pgdata="$PGDATA" --auth-host=scram-sha-256 \
        --auth-local=trust ${POSTGRES_INITDB_ARGS:-}
    rm "$secret"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    "${as[@]}" pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
    [ "$database" = postgres ] || "${as[@]}" createdb --username="$user" --maintenance-db=postgres "$database"
    "${as[@]}" pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
fi
exec "${as[@]}" "$@"
