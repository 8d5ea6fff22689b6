#!/bin/sh
# What a container runs: `heliograph` with the arguments it was given, as process 1, so that it gets the stop signal.
set -eu
if [ "${1:-}" = run ]; then
    echo "This image has no Kafka and PostgreSQL of its own: use docker-compose.yml, or 'make run' without containers." >&2
    exit 2
fi
# A replica's name must be its own within its service (Kafka's static membership): a container's host name is, and it
# stays when the container is started again, so a restart is not a rebalance.
REPLICA="${REPLICA:-$(cat /etc/hostname)}"
export REPLICA
exec heliograph "$@"
