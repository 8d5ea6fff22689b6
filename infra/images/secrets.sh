#!/bin/sh
# Makes the files that docker-compose.yml gives to the containers as secrets, in ./secrets (or the directory named).
# What is there already is left as it is. A value in the environment (SINCH_API_TOKEN=… infra/images/secrets.sh) is
# taken; without one, keys are made, and what only Sinch can give is left empty, or `simulator` for its token.
set -eu
umask 077
directory="${1:-secrets}"
mkdir -p "$directory"
chmod 700 "$directory"  # nobody else enters; the files themselves are read by the containers' users (10001, 999)

put() {  # put <file> <value>
    [ -e "$directory/$1" ] && return
    printf '%s' "$2" > "$directory/$1"
    chmod 444 "$directory/$1"
    echo "made $directory/$1"
}
made() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }  # 192 bits

put postgres_password "${POSTGRES_PASSWORD:-$(made)}"
put database_url "${DATABASE_URL:-postgresql://heliograph:$(cat "$directory/postgres_password")@postgres:5432/heliograph}"
for role in campaign dispatcher projector reader replay; do  # of PostgreSQL: `migrate` makes them
    put "database_url_$role" "postgresql://heliograph_$role:$(made)@postgres:5432/heliograph"
done
for user in admin campaign webhook_gateway dispatcher projector replay operator; do  # of Kafka: `topics` makes them
    put "kafka_password_$user" "$(made)"
done
admin="$(cat "$directory/kafka_password_admin")"
plain="org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"$admin\" user_admin=\"$admin\";"
put kafka_jaas "clients.KafkaServer {
    org.apache.kafka.common.security.scram.ScramLoginModule required;
    $plain
};
controller.KafkaServer {
    $plain
};"
put api_keys "${API_KEYS:-operator:$(made)}"
put privacy_key "${PRIVACY_KEY:-$(made)}"
put webhook_token "${WEBHOOK_TOKEN:-$(made)}"
put sinch_api_token "${SINCH_API_TOKEN:-simulator}"
put sinch_webhook_secret "${SINCH_WEBHOOK_SECRET:-}"
put webhook_basic_auth "${WEBHOOK_BASIC_AUTH:-}"
