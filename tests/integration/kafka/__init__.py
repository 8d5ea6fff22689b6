"""Tests of infra/kafka against a real broker."""
