"""The inspector page: escaped, for its owner only, whole or not at all, removed when it is old."""

from __future__ import annotations

import html.parser
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from arr import (
    ARRRenderingSessionStatus, ARRResult, AzureFrontend, AzureFrontendAccountInfo,
    RRRenderingSessionProperties, SessionLocation,
)
from arr._inspector import FILE_NAME, VALID_SECONDS, inspector_url, remove_old_pages, write_page
from arr._results import CallFailed

from ..support.fault_server import kept, reply
from ..support.rig import (
    ACCESS_TOKEN, ACCOUNT_ID, CASE, PROPERTIES, Case, Rig, finish, good, static_account,
)

INSPECT = Case("inspector", "", lambda frontend, session:
               session.connect_to_arr_inspector_async(), None)
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path


class Page(html.parser.HTMLParser):
    """The forms and fields of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def only(self, tag: str) -> Dict[str, Optional[str]]:
        found = [attributes for name, attributes in self.tags if name == tag]
        assert len(found) == 1, self.tags
        return found[0]


def page_of(rig: Rig) -> Path:
    assert rig.run(CASE["properties"]).result == ARRResult.Success
    operation = rig.begin(INSPECT)
    rig.settle(operation)
    return Path(operation.result)


def test_the_page_is_a_form_that_posts_the_token_in_its_body() -> None:
    with Rig(good) as rig:
        path = page_of(rig)
        page = Page(path.read_text("utf-8"))
        assert path.name == FILE_NAME == "StartArrInspector.html"
        assert page.only("form")["action"] == "https://vm.example.com:55010/"
        assert page.only("form")["method"] == "post"
        assert page.only("input") == {"type": "hidden", "name": "token", "value": ACCESS_TOKEN}
        assert ACCESS_TOKEN not in str(path) + path.as_uri() + str(page.only("form"))
        assert page.only("script") == {}
        assert len(rig.server.requests) == 1, "the inspector has no route of its own"


def test_no_cached_hostname_is_invalid_param_without_a_request_or_a_file(temporary: Path) -> None:
    with Rig(kept(reply({**PROPERTIES, "sessionHostname": None}))) as rig:
        for _ in range(2):
            operation = rig.begin(INSPECT)
            assert operation.status == ARRResult.InvalidParam
            rig.run(CASE["properties"])
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("host", [
    'x"><script>alert(1)</script>', "evil.com/path", "user@evil.com", "evil.com?q", "evil.com#f",
    "a b", "a\nb", "javascript:alert(1)", "[::1]", "::1", "a..b", ".a", "-a", "a" * 64,
    ".".join(["a" * 60] * 5), "\u00e4.example", "a&quot;", "evil.com:80", "a\\b", "a%2fb",
    "\ud800"])
def test_a_hostname_of_the_service_that_is_none_gets_into_no_page(host: str) -> None:
    with pytest.raises(CallFailed) as caught:
        inspector_url(RRRenderingSessionProperties(hostname=host))
    assert caught.value.result == ARRResult.InvalidParam
    assert host not in caught.value.detail


@pytest.mark.parametrize("host, port, url", [
    ("vm.example.com", 0, "https://vm.example.com:8443/"),
    ("vm.example.com", 55010, "https://vm.example.com:55010/"),
    ("localhost", 1, "http://localhost:1/"), ("abc.localhost", 1, "http://abc.localhost:1/"),
    ("127.0.0.1", 1, "http://127.0.0.1:1/"),
    ("127.0.0.1.evil.com", 1, "https://127.0.0.1.evil.com:1/"),
    ("localhost.evil.com", 1, "https://localhost.evil.com:1/"),
    ("evillocalhost", 1, "https://evillocalhost:1/"), ("0.0.0.0", 1, "https://0.0.0.0:1/"),
    ("2130706433", 1, "https://2130706433:1/"), ("10.0.0.7", 1, "https://10.0.0.7:1/")])
def test_plain_http_is_for_this_machine_only(host: str, port: int, url: str) -> None:
    properties = RRRenderingSessionProperties(hostname=host, arr_inspector_port=port)
    assert inspector_url(properties) == url


def test_a_token_with_markup_is_escaped() -> None:
    token = "\"'><script>alert(1)</script>&amp;{x}"

    def account(url: str) -> AzureFrontendAccountInfo:
        return AzureFrontendAccountInfo(url, ACCOUNT_ID, access_token=token,
                                        location=SessionLocation.ignore)

    with Rig(good, account=account) as rig:
        page = Page(page_of(rig).read_text("utf-8"))
        assert page.only("input")["value"] == token
        assert page.only("script") == {}


@POSIX
def test_the_page_is_for_its_owner_only_whatever_the_umask() -> None:
    before = os.umask(0)
    try:
        path = Path(write_page("page"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_page_appears_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = os.replace, []

    def spying(source: str, target: str, **options: int) -> None:
        seen.append((os.path.basename(source), os.path.basename(target)))
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", spying)
    path = Path(write_page("page" * 1000))
    assert seen == [(FILE_NAME + ".part", FILE_NAME)]
    assert [each.name for each in path.parent.iterdir()] == [FILE_NAME]


def test_links_planted_in_the_temporary_directory_lead_nowhere(temporary: Path) -> None:
    victim = temporary / "victim"
    victim.mkdir()
    (victim / "file").write_text("precious")
    for name in (FILE_NAME, "arr-inspector-", "arr-inspector-old", "arr-inspector-x" + FILE_NAME):
        (temporary / name).symlink_to(victim)
    os.utime(victim, (0, 0))
    os.utime(temporary / "arr-inspector-old", (0, 0), follow_symlinks=False)
    path = Path(write_page("page"))
    assert path.parent.resolve().parent == temporary.resolve()
    assert [each.name for each in victim.iterdir()] == ["file"]
    assert (temporary / "arr-inspector-old").is_symlink()


@POSIX
def test_a_directory_put_in_the_place_of_ours_gets_no_token(
        temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = temporary / "trap"
    trap.mkdir()
    real = tempfile.mkdtemp

    def attacked(prefix: str) -> str:
        directory = real(prefix=prefix)
        os.rename(directory, directory + "-moved")
        os.symlink(trap, directory)
        return directory

    monkeypatch.setattr(tempfile, "mkdtemp", attacked)
    with pytest.raises(OSError):
        write_page("secret page")
    assert not list(trap.iterdir())


@POSIX
@pytest.mark.parametrize("by_descriptor", [True, False])
def test_no_name_leads_out_of_the_directory_that_was_made(
        temporary: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool) -> None:
    """Another may take its place at the last moment; where the system opens no directory, as
    Windows does not, there is only its path."""
    names: List[Tuple[str, bool]] = []
    descriptors: List[int] = []
    real_open, real_replace = os.open, os.replace

    def opening(path: str, flags: int, *args: Any, dir_fd: Optional[int] = None) -> int:
        if flags & os.O_CREAT:
            names.append((path, dir_fd is not None))
        descriptors.append(real_open(path, flags, *args, dir_fd=dir_fd))
        return descriptors[-1]

    def replacing(source: str, target: str, *, src_dir_fd: Optional[int],
                  dst_dir_fd: Optional[int]) -> None:
        names.extend([(source, src_dir_fd is not None), (target, dst_dir_fd is not None)])
        real_replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "replace", replacing)
    monkeypatch.setattr(os, "supports_dir_fd", {opening} if by_descriptor else set())
    path = write_page("page")
    begin = FILE_NAME if by_descriptor else path
    assert names == [(begin + ".part", by_descriptor), (begin + ".part", by_descriptor),
                     (begin, by_descriptor)]
    for descriptor in descriptors:
        with pytest.raises(OSError):
            os.fstat(descriptor)  # it was closed
    assert Path(path).read_text() == "page"


def test_a_directory_that_cannot_be_written_is_a_result(
        monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "missing"))
    with Rig(good) as rig:
        rig.run(CASE["properties"])
        context = rig.run(INSPECT)
        assert context.result == ARRResult.FailedToOpenFile


def test_after_a_failed_write_nothing_is_left(
        monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        write_page("secret page")
    assert not list(temporary.iterdir())


def test_pages_older_than_their_token_are_removed_and_nothing_else_is(temporary: Path) -> None:
    old, fresh = Path(write_page("old")).parent, Path(write_page("fresh")).parent
    other = temporary / "other-inspector-x"
    other.mkdir()
    file = temporary / "arr-inspector-file"
    file.write_text("")
    now = time.time()
    for path in (old, other, file):
        os.utime(path, (now - VALID_SECONDS - 60,) * 2)
    os.utime(fresh, (now - VALID_SECONDS + 60,) * 2)
    newest = Path(write_page("newest")).parent
    assert {each.name for each in temporary.iterdir()} == {
        fresh.name, other.name, file.name, newest.name}


@pytest.mark.parametrize("age, stays", [(86_400, True), (86_401, False)])
def test_a_page_is_old_once_its_day_is_over(
        temporary: Path, monkeypatch: pytest.MonkeyPatch, age: int, stays: bool) -> None:
    directory = Path(write_page("page")).parent
    os.utime(directory, (1_577_836_800,) * 2)
    monkeypatch.setattr(time, "time", lambda: 1_577_836_800.0 + age)
    remove_old_pages()
    assert directory.exists() is stays


def test_a_page_that_goes_meanwhile_hinders_the_removal_of_no_other(
        temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        os.utime(Path(write_page("old")).parent, (0, 0))
        (temporary / "arr-inspector-").mkdir(exist_ok=True)
    real = shutil.rmtree

    def second(path: str, **options: Any) -> None:
        real(path)  # another process of ours
        real(path, **options)

    monkeypatch.setattr(shutil, "rmtree", second)
    remove_old_pages()
    assert [each.name for each in temporary.iterdir()] == ["arr-inspector-"]


@POSIX
def test_pages_of_another_user_are_left_alone(
        temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Path(write_page("old")).parent
    os.utime(old, (0, 0))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    remove_old_pages()
    assert old.exists()


def test_the_inspector_asks_for_a_token_when_it_has_none_and_fails_as_any_call() -> None:
    with Rig(good, token=kept(reply(None, 401)), account=static_account) as rig:
        rig.run(CASE["properties"])
        core = rig.frontend._core
        assert core is not None
        core.tokens._token = None
        core.tokens._account.sts_credential = "a:b"
        assert rig.run(INSPECT).result == ARRResult.AuthenticationFailed


def test_on_worker_threads_too_one_inspector_call_at_a_time() -> None:
    with Rig(good) as rig:
        frontend = AzureFrontend(static_account(rig.server.url))
        session = frontend.open_rendering_session("s")
        finish(session.get_rendering_session_properties_async())
        assert finish(session.connect_to_arr_inspector_async()).result == ARRResult.Success


@pytest.mark.parametrize("status, words", [
    (ARRRenderingSessionStatus.Starting, "until it is Ready"),
    (ARRRenderingSessionStatus.Stopped, "is Stopped, and has no inspector any more"),
    (ARRRenderingSessionStatus.Expired, "is Expired, and has no inspector any more"),
    (ARRRenderingSessionStatus.Error, "is Error, and has no inspector any more")])
def test_a_session_without_a_hostname_says_whether_waiting_helps(
        status: ARRRenderingSessionStatus, words: str) -> None:
    with pytest.raises(CallFailed) as caught:
        inspector_url(RRRenderingSessionProperties("id", status))
    assert words in caught.value.detail and caught.value.result == ARRResult.InvalidParam
