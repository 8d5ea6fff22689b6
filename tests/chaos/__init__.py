"""Crash runs of the dispatcher: real processes, Kafka and PostgreSQL, a hostile Sinch, kills. One seed, one run."""
