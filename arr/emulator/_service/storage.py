"""``Storage``: where the containers lie that a caller of 2020 names by account and container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._arguments import text

if TYPE_CHECKING:
    from pathlib import Path

_CLOUD = "https://{account}.blob.core.windows.net/{container}"


class Storage:
    """A rule from the names of a storage account and a container to a URL."""

    def __init__(self, template: object, root: Path | None) -> None:
        if template is None:
            self._template = _CLOUD
            if root is not None:
                self._template = _quoted(root) + "/{account}/{container}"
        else:
            scheme, mark, rest = text("storage_url", template).partition("://")
            self._template = scheme.lower() + mark + rest
            if scheme.lower() not in ("http", "https", "file") or any(
                    rest.count(name) != 1 for name in ("{account}", "{container}")):
                raise ValueError(
                    "storage_url must be an http, https or file URL with {account} and "
                    "{container} in it, such as http://127.0.0.1:10000/{account}/{container}")

    def url(self, account: str, container: str) -> str:
        """Return the URL of a container, without a SAS."""
        return self._template.replace("{account}", account).replace("{container}", container)


def _quoted(root: Path) -> str:
    # Braces of a directory's name come out percent-encoded, so they are no places of ours.
    return root.absolute().as_uri().rstrip("/")
