"""Requests into commands of the service, its state into replies; the pages."""
