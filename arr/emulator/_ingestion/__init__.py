"""The ingestion of models: reads them from a container, checks them, writes an archive."""
