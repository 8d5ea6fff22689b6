"""One part of ours with real Kafka and PostgreSQL."""
