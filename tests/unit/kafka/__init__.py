"""Tests of infra/kafka that need no broker."""
