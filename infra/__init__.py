"""What we touch: Kafka, PostgreSQL, Sinch, processes."""
