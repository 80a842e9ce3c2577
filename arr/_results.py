"""Results, states and errors: the enums of the SDK, the context of a call, the exceptions.

    Exception
     └── RRException            misuse, or an operation that failed: .error_code
          └── RRSessionException   a session or frontend call that failed: .context
"""

from __future__ import annotations

import enum
from typing import Any, Optional

from ._fields import Alias, FrozenFields

# Where exceptions and enums live for those who print, pickle and read tracebacks; only these,
# because get_type_hints and getsource follow a class's module.
PUBLIC = "arr"


class _Named(enum.Enum):
    """An enum whose members print as their bare name on every Python, as C# prints them."""

    def __str__(self) -> str:
        return self.name.rstrip("_")

    def __format__(self, spec: str) -> str:
        if spec and spec[-1] in "bcdoxXn":
            return format(self.value, spec)
        return format(str(self), spec)


class _Numbered(int, _Named):
    """A named member that is also its SDK number."""


class ARRResult(_Numbered):
    """What became of a call. Compare with ``== ARRResult.Success``: Success is 0, so falsy."""

    __module__ = PUBLIC

    Success = 0
    Fail = 1
    Cancelled = 2
    InvalidParam = 3
    InvalidType = 4
    BufferTooSmall = 5
    NoConnection = 6
    ApiUnavailable = 7
    AlreadyInitialized = 8
    AlreadyDeinitialized = 9
    StringTooLong = 10
    IndexOutOfRange = 11
    InProgress = 12
    NotInitialized = 13
    StringNotValidUtf8 = 14
    NotSupported = 15
    FileNotFound = 300
    InvalidVersion = 301
    IncompatibleVersion = 302
    FailedToOpenFile = 303
    FileDownloadFailed = 304
    ExceedsMemoryLimit = 305
    CannotWriteTargetFile = 306
    FileCorrupt = 307
    FileUploadFailed = 308
    UnsupportedFileProvider = 309
    InvalidId = 600
    InvalidParentId = 601
    AlreadyExists = 602
    CyclicReference = 603
    ObjectLocked = 604
    ObjectStatic = 605
    ComponentLimitReached = 606
    NoServerCertificate = 900
    HandshakePortBusy = 901
    HandshakeUnreachable = 902
    HandshakeConnectionFailed = 903
    AuthenticationFailed = 904
    RemotingVersionMismatch = 905
    IncompatibleTransportProtocols = 906
    HandshakeFailed = 907
    TransportPortBusy = 908
    TransportUnreachable = 909
    TransportConnectionFailed = 910
    ProtocolVersionMismatch = 911
    ProtocolError = 912
    VideoCodecNotAvailable = 913
    ConnectionLost = 914
    DeviceLost = 915
    DisconnectRequest = 916
    Timeout = 917
    AlreadyConnected = 918
    ArrVersionMismatch = 919
    HandshakeNetworkUnreachable = 920
    HandshakeConnectionRefused = 921
    VideoFormatNotAvailable = 922
    PeerDisconnectRequest = 923
    PeerDisconnectTimeout = 924
    SessionOpenTimeout = 925
    RemotingHandshakeTimeout = 926
    InternalError = 927
    InvalidToolId = 1200
    ManagerAlreadyCreated = 1201
    ManagerNotCreatedYet = 1202
    OtherSessionConnected = 1203
    BadStateTransition = 1204
    FailedToStartTool = 1205
    InsufficientSlots = 1206
    PrepareRenderNotCalled = 1207
    InvalidToken = 1500
    InvalidUrl = 1501
    InvalidUri = 1501
    SessionNotFound = 1502
    TooManyRequests = 1503


class ARRIngestionSessionStatus(_Numbered):
    """How far the ingestion of a model is."""

    __module__ = PUBLIC

    Unknown = 0
    Created = 1
    Running = 2
    Aborted = 3
    Failure = 4
    Success = 5


class ARRRenderingSessionStatus(_Numbered):
    """The state of a rendering session's virtual machine."""

    __module__ = PUBLIC

    Unknown = 0
    Starting = 1
    Ready = 2
    Stopped = 3
    Expired = 4
    Error = 5


ENDED = (ARRRenderingSessionStatus.Stopped, ARRRenderingSessionStatus.Expired,
         ARRRenderingSessionStatus.Error)  # a session does not leave these


class ARRConnectionStatus(_Numbered):
    """The state of the RemoteManager's connection to a session."""

    __module__ = PUBLIC

    Disconnected = 0
    Connecting = 1
    Connected = 2


class LogLevel(_Numbered):
    """How much RemoteManager.log_message has to say."""

    __module__ = PUBLIC

    None_ = 0
    Error = 1
    Warning = 2
    Information = 3
    Info = 3
    Debug = 4


class ARRRenderingSessionVmSize(_Named):
    """The size of a session's virtual machine; the value is the text on the wire."""

    __module__ = PUBLIC

    None_ = ""
    Small = "small"
    Big = "big"
    Standard = "standard"
    Premium = "premium"


class RRSessionGeneralContext(FrozenFields):
    """What is known of a completed call: result, HTTP code, message, correlation vectors.

    ``http_response_code`` is 0 when no reply came. ``retry_after`` is the number of seconds that
    the service asked to wait, or None.
    """

    __slots__ = ("result", "http_response_code", "error_message", "request_correlation_vector",
                 "response_correlation_vector", "retry_after")

    result: ARRResult
    http_response_code: int
    error_message: str
    request_correlation_vector: str
    response_correlation_vector: str
    retry_after: float | None

    Result = Alias[ARRResult]("result")
    HttpResponseCode = Alias[int]("http_response_code")
    ErrorMessage = Alias[str]("error_message")
    RequestCorrelationVector = Alias[str]("request_correlation_vector")
    ResponseCorrelationVector = Alias[str]("response_correlation_vector")
    RetryAfter = Alias[Optional[float]]("retry_after")

    def __init__(self, result: ARRResult, http_response_code: int = 0, error_message: str = "",
                 request_correlation_vector: str = "", response_correlation_vector: str = "",
                 retry_after: float | None = None) -> None:
        self._fill(result, http_response_code, error_message, request_correlation_vector,
                   response_correlation_vector, retry_after)


class RRException(Exception):
    """Misuse of the API, or the failure of an operation whose value was read."""

    __module__ = PUBLIC

    def __init__(self, error_code: ARRResult, message: str = "") -> None:
        super().__init__(error_code, message)
        self.error_code = error_code
        self.message = message

    def __str__(self) -> str:
        return f"{self.error_code}: {self.message}" if self.message else str(self.error_code)

    @property
    def request_correlation_vector(self) -> str:
        """The MS-CV that was sent; "" where nothing was."""
        return ""

    @property
    def response_correlation_vector(self) -> str:
        """The MS-CV of the reply; "" where none came."""
        return ""

    @property
    def ErrorCode(self) -> ARRResult:
        return self.error_code

    @property
    def Message(self) -> str:
        return self.message

    RequestCorrelationVector = request_correlation_vector
    ResponseCorrelationVector = response_correlation_vector


class RRSessionException(RRException):
    """The failure of a frontend or session call, with all that is known of it."""

    __module__ = PUBLIC

    def __init__(self, context: RRSessionGeneralContext) -> None:
        super().__init__(context.result, context.error_message)
        self.context = context

    def __str__(self) -> str:
        return self.message or str(self.error_code)  # the message begins with call and result

    @property
    def request_correlation_vector(self) -> str:
        """The MS-CV that was sent; "" where nothing was."""
        return self.context.request_correlation_vector

    @property
    def response_correlation_vector(self) -> str:
        """The MS-CV of the reply; "" where none came."""
        return self.context.response_correlation_vector

    @property
    def Context(self) -> RRSessionGeneralContext:
        return self.context

    RequestCorrelationVector = request_correlation_vector
    ResponseCorrelationVector = response_correlation_vector

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.context,)


class CallFailed(Exception):
    """Inside the package only: a call that ends as a result; never reaches a caller.

    ``detail`` is a sentence for people and holds nothing that a server or a secret could have
    put there unescaped. ``retryable`` says that the request may be sent again.
    """

    def __init__(self, result: ARRResult, detail: str, *, code: int = 0, retryable: bool = False,
                 correlation: str = "", retry_after: float | None = None) -> None:
        self.result = result
        self.detail = detail
        self.code = code
        self.retryable = retryable
        self.correlation = correlation
        self.retry_after = retry_after

    def again(self) -> CallFailed:
        """Return a new one, for another thread to raise: a shared one would collect tracebacks,
        and keep all that hangs on them."""
        return CallFailed(self.result, self.detail, code=self.code, retryable=self.retryable,
                          correlation=self.correlation, retry_after=self.retry_after)


_BY_HTTP_CODE = {
    400: ARRResult.InvalidParam,
    401: ARRResult.AuthenticationFailed,
    403: ARRResult.AuthenticationFailed,
    409: ARRResult.AlreadyExists,
    422: ARRResult.InvalidParam,
    429: ARRResult.TooManyRequests,
}


def result_of_http(code: int, not_found: ARRResult) -> ARRResult:
    """Return the result of a reply by its HTTP code; what a 404 means depends on the call."""
    if 200 <= code < 300:
        return ARRResult.Success
    if code == 404:
        return not_found
    return _BY_HTTP_CODE.get(code, ARRResult.Fail)
