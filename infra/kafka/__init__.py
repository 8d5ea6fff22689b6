"""The log: append, read, scan, provision, and an embedded broker to do it on. The one place that knows Kafka."""
