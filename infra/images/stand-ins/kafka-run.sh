#!/bin/bash
# What the official apache/kafka image does with its environment, as far as it is used here: every KAFKA_A_B=c becomes
# a.b=c in server.properties, the data is formatted the first time with CLUSTER_ID, and the broker is process 1.
set -euo pipefail
properties=/tmp/server.properties
env | while IFS='=' read -r name value; do
    case "$name" in
        KAFKA_HEAP_OPTS|KAFKA_OPTS) ;;
        KAFKA_*) key="${name#KAFKA_}"; key="${key,,}"; echo "${key//_/.}=$value" ;;
    esac
done > "$properties"
run=(java ${KAFKA_HEAP_OPTS:--Xmx1G} ${KAFKA_OPTS:-} -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*')
"${run[@]}" kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties"
exec "${run[@]}" kafka.Kafka "$properties"
