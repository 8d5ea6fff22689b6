"""Coverage-guided fuzzing; not part of the test run, because its tool is not among the locked packages."""
