"""Tests of routes and pages."""
