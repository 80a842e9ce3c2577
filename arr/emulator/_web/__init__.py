"""Answers requests: routes, their handlers, and the pages for browsers."""
