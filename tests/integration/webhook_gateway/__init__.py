"""Tests of webhook_gateway."""
