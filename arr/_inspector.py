"""The inspector file: a local html page that takes the browser to a session's inspector.

The page is a form that posts the token in its body, by itself: a token never stands in a URL,
where histories and logs would keep it. It is good for as long as the token is, 24 h at most.
"""

from __future__ import annotations

import os
import stat
import time

from ._account import HOST
from ._calls import Answer, Call
from ._http.in_flight import Flight
from ._models import RRRenderingSessionProperties
from ._params import invalid
from ._results import ENDED, ARRResult, CallFailed, RRSessionGeneralContext

FILE_NAME = "StartArrInspector.html"
DEFAULT_PORT = 8443
VALID_SECONDS = 24 * 3600
_PREFIX = "arr-inspector-"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>ARR inspector</title>
</head>
<body>
<form id="start" method="post" action="{action}">
<input type="hidden" name="token" value="{token}">
<noscript>Scripts are off: press the button to open the inspector.</noscript>
<button>Open the ARR inspector</button>
</form>
<script>document.getElementById("start").submit();</script>
</body>
</html>
"""


def inspector_url(properties: RRRenderingSessionProperties) -> str:
    """Return the URL of a session's inspector; the host name in it comes from a server."""
    host = properties.hostname
    if not host and properties.status in ENDED:
        raise invalid(f"the session is {properties.status}, and has no inspector any more")
    if not host:
        raise invalid("the session has no hostname yet; call GetRenderingSessionPropertiesAsync "
                      "until it is Ready")
    if not HOST.match(host) or len(host) > 253:
        raise invalid("the session's hostname is not a host name")
    name = host.lower()
    here = name == "localhost" or name.endswith(".localhost") or name == "127.0.0.1"
    port = properties.arr_inspector_port or DEFAULT_PORT
    return f"{'http' if here else 'https'}://{host}:{port}/"


class InspectorCall(Call):
    """The job of ConnectToArrInspectorAsync: a token, perhaps, and a file; no request.

    Its target is the URL of the inspector, as it stood in the session's cache at the call.
    """

    __slots__ = ()

    def _send(self, flight: Flight) -> Answer:
        from html import escape  # here and below: what few programs need is imported late

        token, _ = self.core.tokens.get(flight)
        page = _PAGE.format(action=escape(self.target), token=escape(token.text))
        try:
            path = write_page(page)
        except OSError as error:
            raise CallFailed(ARRResult.FailedToOpenFile, "the inspector file cannot be written to "
                             f"the directory for temporary files: {error.strerror}") from None
        return Answer(RRSessionGeneralContext(ARRResult.Success), path, None)


def write_page(page: str) -> str:
    """Write the page into a fresh directory of the owner's alone; return its path."""
    import errno
    import shutil
    import tempfile

    remove_old_pages()
    # mkdtemp makes a new directory with mode 0700, or fails: a link planted in a shared
    # directory for temporary files leads nowhere.
    directory = tempfile.mkdtemp(prefix=_PREFIX)
    path = os.path.join(directory, FILE_NAME)
    at = None
    try:
        if os.open in os.supports_dir_fd:
            # Where everybody may rename our directory, another may lie in its place by now.
            at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if os.fstat(at).st_uid != os.getuid():
                raise PermissionError(errno.EPERM, "its owner or its mode was changed")
        part = (path if at is None else FILE_NAME) + ".part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=at)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        # Nobody reads half a page.
        os.replace(part, path if at is None else FILE_NAME, src_dir_fd=at, dst_dir_fd=at)
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    finally:
        if at is not None:
            os.close(at)
    return path


def remove_old_pages() -> None:
    """Remove our own directories whose token has expired."""
    import shutil
    import tempfile

    root = tempfile.gettempdir()
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX) and _is_ours_and_old(entry):
                    shutil.rmtree(entry.path, ignore_errors=True)
    except OSError:
        pass  # a directory that cannot be listed has nothing that we could remove


def _is_ours_and_old(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False  # another process of ours was quicker
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return (ours and stat.S_ISDIR(status.st_mode)
            and time.time() - status.st_mtime > VALID_SECONDS)
