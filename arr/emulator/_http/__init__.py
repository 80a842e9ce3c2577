"""Sockets and HTTP: reads requests, writes replies, refuses foreign web pages."""
