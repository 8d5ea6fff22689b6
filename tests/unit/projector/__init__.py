"""Tests of projector."""
