"""Secrets: in no log at any level, no message, no repr; and nothing of a server gets into a log."""

from __future__ import annotations

import http.client
import io
import contextlib
import json
import logging
import urllib.parse
from typing import Any, List

import pytest

from arr import (
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, CreateRenderingSessionParams,
    IngestAssetParams, RRException, RRSessionException,
)
from arr._http.replies import clean, scrub

from ..support.fault_server import Request, Wire, kept, raw, reply
from ..support.rig import (
    ACCESS_TOKEN, ACCOUNT_ID, CASE, CASES, MODEL_URL, Case, Rig, check_secrets, good,
    key_account, static_account,
)

JWT = ACCESS_TOKEN


def mirror(wire: Wire, request: Request) -> None:
    """Send everything back that the client has sent, where the client shows it."""
    body = request.body.decode()
    text = " ".join([*request.headers.values(), body, urllib.parse.unquote(body)])
    said = json.dumps({"error": {"message": text}}).encode()
    wire.send(reply(said, 400, "MS-CV: " + request.headers["authorization"]))


@pytest.mark.parametrize("account", [static_account, key_account], ids=["token", "key"])
def test_a_server_that_mirrors_secrets_gets_them_into_no_message(account: Any) -> None:
    with Rig(mirror, account=account, token=kept(reply({"AccessToken": JWT}))) as rig:
        for case in CASES:
            context = rig.run(case)
            assert context.result == ARRResult.InvalidParam
            check_secrets(repr(context))
            assert "***" in context.error_message
    with Rig(good, account=key_account, token=mirror) as rig:
        for case in CASES:
            check_secrets(repr(rig.run(case)))


def test_a_success_with_a_token_in_its_correlation_vector_does_not_show_it() -> None:
    with Rig(kept(reply({"sessions": []}, 200, f"MS-CV: {JWT}"))) as rig:
        context = rig.run(CASE["list"])
        assert context.result == ARRResult.Success
        assert context.response_correlation_vector == "***"


def test_no_secret_is_in_a_log_at_debug_of_ours_or_the_http_libraries(
        caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "arr", "http.client"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    answers = [good, mirror, raw(b"HTTP/1.1 200 OK\r\nbroken"), raw(b""),
               kept(reply(b"garbage")), kept(reply(None, 503)),
               raw(b"HTTP/1.1 200 OK\r\nX\r\nY: z\r\n\r\n")]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        for answer in answers:
            with Rig(answer, account=key_account,
                     token=kept(reply({"AccessToken": JWT}))) as rig:
                for case in CASES:
                    rig.run(case)
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    check_secrets(caplog.text + out.getvalue(), f"{ACCOUNT_ID}:")
    assert http.client.HTTPConnection.debuglevel == 0


def test_exceptions_of_failed_calls_show_no_secret() -> None:
    import traceback

    with Rig(mirror, account=key_account, token=kept(reply({"AccessToken": JWT}))) as rig:
        operation = rig.begin(CASE["ingest"])
        rig.settle(operation)
        task = operation.as_task()
        rig.run_pending()
        reads: Any = (lambda: operation.result, lambda: operation.get(1),
                      lambda: task.result(1))
        for read in reads:
            with pytest.raises(RRSessionException) as caught:
                read()
            error = caught.value
            assert error.__cause__ is None
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            for frame, _ in traceback.walk_tb(error.__traceback__):
                if frame.f_globals["__name__"].startswith("arr"):
                    text += repr(frame.f_locals)
            check_secrets(text + repr(error) + repr(error.__context__))


def test_parameters_show_no_signature_of_a_container() -> None:
    params = IngestAssetParams("box.glb", MODEL_URL, MODEL_URL)
    check_secrets(repr(params) + str(params))
    assert "blob.core.windows.net/in?***" in repr(params)


# -- what gets into paths, headers and logs -------------------------------------------------------

IDS = ["../other", "a/b", "a?b=c", "a#b", "%2e%2e", "%2F", "a%0d%0aX: y", "a b", "a;b", "\u00e4",
       "a\u2028b", "\U0001f600", "a:b", "@", "a\\b", "..;", "...", "?", "#", "//evil.com", "a&b",
       "x" * 3000, "\u202e"]


@pytest.mark.parametrize("text", IDS, ids=range(len(IDS)))
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(text: str) -> None:
    with Rig(good) as rig:
        session = rig.frontend.open_rendering_session(text)
        for make in (session.get_rendering_session_properties_async,
                     session.stop_rendering_session_async,
                     lambda: rig.frontend.get_ingestion_status_async(text),
                     lambda: rig.frontend.get_rendering_session_properties_async(text)):
            operation = make()
            rig.settle(operation)
        assert len(rig.server.requests) == 4
        for request in rig.server.requests:
            segments = request.path.split("/")
            assert segments[:4] == ["", "v1", "accounts", ACCOUNT_ID]
            assert urllib.parse.unquote(segments[5]) == text.strip()
            assert len(segments) in (6, 7) and "?" not in request.path
            assert set(request.headers) == {
                "host", "authorization", "ms-cv", "accept", "accept-encoding", "user-agent"}


@pytest.mark.parametrize("text", ["", " ", ".", "..", "a\r\nX: y", "a\nb", "\x00", "a\x7f",
                                  "a\x85b", "\ud800", "\t\n", " .. "], ids=repr)
def test_an_id_that_cannot_be_one_is_refused_without_a_request(text: str) -> None:
    with Rig(good) as rig:
        for operation in (rig.frontend.get_ingestion_status_async(text),
                          rig.frontend.get_rendering_session_properties_async(text)):
            assert operation.status == ARRResult.InvalidParam
            assert operation.context.error_message.isprintable()
        with pytest.raises(RRException) as caught:
            rig.frontend.open_rendering_session(text)
        assert caught.value.error_code == ARRResult.InvalidParam
        assert rig.server.requests == [] and rig.executor.pending == 0


@pytest.mark.parametrize("name", ["a\nb", "\x00", "", "\ud800"])
def test_a_model_name_with_control_characters_is_refused(name: str) -> None:
    with Rig(good) as rig:
        for params in (IngestAssetParams(name, MODEL_URL, MODEL_URL),
                       IngestAssetParams("a", "https://x/" + name + "\n.", MODEL_URL),
                       IngestAssetParams("a", MODEL_URL, name)):
            operation = rig.frontend.start_asset_ingestion_async(params)
            assert operation.status == ARRResult.InvalidParam
            check_secrets(operation.context.error_message)


def test_a_model_name_stays_one_json_text() -> None:
    name = 'a"}, "modelUrl": "x", \u00e4 \U0001f600 \u2028 ../..'
    with Rig(good) as rig:
        rig.settle(rig.frontend.start_asset_ingestion_async(
            IngestAssetParams(name, MODEL_URL, MODEL_URL)))
        assert rig.server.requests[0].json() == {
            "modelName": name, "modelUrl": MODEL_URL, "assetContainerUrl": MODEL_URL}


def test_a_correlation_vector_of_a_server_is_one_short_line(
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for value in ("a\x1b[31mred", "a\tb", "\xff\xfe", "x" * 5000, "\x85line", "a\x0bb"):
        with Rig(kept(reply(None, 409, f"MS-CV: {value}"))) as rig:
            context = rig.run(CASE["create"])
            assert context.result == ARRResult.AlreadyExists
            assert context.response_correlation_vector.isprintable()
            assert len(context.response_correlation_vector) <= 200


@pytest.mark.parametrize("text", ["a\r\nFAKE log line", "\x1b[2J", "\u202e\u2066", "\u2028",
                                  "x" * 100_000, "\x00"])
def test_an_error_text_of_a_server_is_one_short_line(text: str) -> None:
    for body in ({"error": text}, {"error": {"message": text}}):
        with Rig(kept(reply(body, 400))) as rig:
            rig.run(CASE["create"])  # checks the message


def test_clean_and_scrub() -> None:
    assert clean(None) == clean("") == clean("\n") == ""
    assert clean(" a\nb\u2028c ") == "a b c"
    assert len(clean("x" * 1000)) == 200
    assert scrub("key=secret", ["", "secret"]) == "key=***"


# -- the environment ------------------------------------------------------------------------------

def test_a_netrc_file_does_not_replace_the_token(
        tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n"
                     "default login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Rig(good) as rig:
        for case in CASES:
            rig.run(case)
            assert rig.server.requests[-1].headers["authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_only_printable_text_goes_into_the_body() -> None:
    with Rig(good) as rig:
        frontend: AzureFrontend = rig.frontend
        case = Case("create", "POST", lambda frontend, session:
                    frontend.create_rendering_session_async(CreateRenderingSessionParams(
                        ARRRenderingSessionVmSize.Premium, 1, 30)), None)
        rig.settle(case.make(frontend, rig.session))
        bodies: List[bytes] = [request.body for request in rig.server.requests]
        assert json.loads(bodies[0]) == {"maxLeaseTime": "1:30:00", "models": [],
                                         "size": "premium"}


def test_the_correlation_vector_of_a_request_is_fresh_and_plain() -> None:
    with Rig(good) as rig:
        seen = {rig.run(CASE["list"]).request_correlation_vector for _ in range(50)}
        assert len(seen) == 50
        assert all(len(text) == 24 and text.endswith(".0") for text in seen)
        assert {request.headers["ms-cv"] for request in rig.server.requests} == seen
