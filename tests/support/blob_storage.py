"""A Blob storage whose answers a test writes, one for each request."""

from __future__ import annotations

from typing import Callable, Iterator, List, Optional

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from arr.emulator._ingestion.containers.blob import BlobContainer

HOSTS = ("localhost", "*.localhost", "127.0.0.1", "::1", "*.blob.core.windows.net")
SAS = "sv=2019-12-12&sp=rlw&sig=TopSecret%2Babc%3D"


class Storage:
    """A server whose answers are functions, one for each request, the last one repeated."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.requests: List[Request] = []
        self.bodies: List[bytes] = []
        self.slept: List[float] = []
        self.now = 0.0

    def answers(self, *answers: Callable[[Request], Response], sas: str = SAS) -> BlobContainer:
        def handle(request: Request) -> Response:
            self.requests.append(request)
            self.bodies.append(request.get_data())
            return answers[min(len(self.requests), len(answers)) - 1](request)

        self.server.expect_request("/account/container").respond_with_handler(handle)
        self.server.expect_request("/account/container/m").respond_with_handler(handle)
        return BlobContainer(
            f"http://127.0.0.1:{self.server.port}/account/container?{sas}", "modelUrl", HOSTS,
            sleep=self.slept.append, clock=lambda: self.now)


def status(code: int, error: str = "", body: bytes = b"") -> Callable[[Request], Response]:
    headers = {"x-ms-error-code": error} if error else {}
    return lambda request: Response(body, code, headers)


def blob(data: bytes, *, tag: str = "1", code: int = 200, send: Optional[int] = None,
         ) -> Callable[[Request], Response]:
    """Answer with bytes; with ``send``, break off after so many."""
    def answer(request: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield data[:send]

        return Response(body(), code, {"ETag": f'"{tag}"', "Content-Length": str(len(data))})
    return answer
