"""Models: read from a container, checked, written to another one as an archive."""
