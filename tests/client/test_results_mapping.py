"""Results: the numbers of the SDK, their names as text, contexts and exceptions."""

from __future__ import annotations

import copy
import pickle

import pytest

from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, LogLevel, RRException, RRSessionException,
    RRSessionGeneralContext, SessionLocation,
)
from arr._results import CallFailed, result_of_http

ENUMS = (ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
         ARRRenderingSessionVmSize, ARRResult, LogLevel, SessionLocation)


def test_members_print_as_their_bare_name() -> None:
    for enum in ENUMS:
        for member in enum:
            assert str(member) == f"{member}" == format(member) == member.name.rstrip("_")
            assert f"{member:>30}" == str(member).rjust(30)
    assert f"{ARRResult.Timeout:d}" == "917"
    assert ARRResult["InvalidUri"] is ARRResult["InvalidUrl"]
    assert int(ARRResult.Success) == 0 and not ARRResult.Success


@pytest.mark.parametrize("code", range(200, 600))
def test_an_http_code_has_one_result(code: int) -> None:
    result = result_of_http(code, ARRResult.InvalidId)
    assert (result == ARRResult.Success) == (code < 300)
    assert (result == ARRResult.InvalidId) == (code == 404)


def test_contexts_are_values() -> None:
    context = RRSessionGeneralContext(ARRResult.Timeout, 0, "text", "a", "b", 1.5)
    assert context == pickle.loads(pickle.dumps(context)) == copy.deepcopy(context)
    assert (context.Result, context.HttpResponseCode, context.ErrorMessage) == (
        ARRResult.Timeout, 0, "text")
    assert (context.RequestCorrelationVector, context.ResponseCorrelationVector,
            context.RetryAfter) == ("a", "b", 1.5)
    with pytest.raises(AttributeError):
        context.result = ARRResult.Success


def test_exceptions_carry_code_and_context() -> None:
    context = RRSessionGeneralContext(ARRResult.Timeout, 0, "too late")
    error = RRSessionException(context)
    assert isinstance(error, RRException) and str(error) == "too late"
    assert (error.error_code, error.ErrorCode, error.context, error.Context) == (
        ARRResult.Timeout, ARRResult.Timeout, context, context)
    same = pickle.loads(pickle.dumps(error))
    assert type(same) is RRSessionException and same.context == context
    plain = pickle.loads(pickle.dumps(RRException(ARRResult.Fail, "x")))
    assert (plain.error_code, plain.message) == (ARRResult.Fail, "x")
    assert str(RRException(ARRResult.Fail)) == "Fail"
    assert error.args == (ARRResult.Timeout, "too late")
    assert RRException(ARRResult.Fail).args == (ARRResult.Fail, "")


def test_a_failure_raised_again_is_equal_and_new() -> None:
    first = CallFailed(ARRResult.Fail, "x", code=5, retryable=True, correlation="c",
                       retry_after=2.0)
    again = first.again()
    assert again is not first and vars(again) == vars(first)
    assert again.__traceback__ is None and again.__context__ is None
