"""The state machine: the real dispatcher and the real fold on real PostgreSQL, with a log, a Sinch and a clock that are played."""
