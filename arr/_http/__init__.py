"""One request out, one checked reply in; the only folder that knows requests and urllib3."""
