"""Tests of services/campaign."""
