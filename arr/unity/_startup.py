"""The names with which programs of 2019 start up and shut down.

They say how the runtime draws: axes, graphics, camera. The stub draws nothing, so what they are
given is kept, and nobody reads it.
"""

from __future__ import annotations

from types import SimpleNamespace

from .._remote_manager import RemoteManager


class ClientInit(SimpleNamespace):
    """What ``RemoteManager.InitializeManager`` takes; has whatever fields are set."""


class RRInterface:
    """The home of ``RRInterface.ClientInit``, as in C#."""

    ClientInit = ClientInit


class RemoteUnityClientInit(ClientInit):
    """What ``RemoteManagerUnity.InitializeManager`` takes: the camera, and whatever is set."""

    def __init__(self, camera: object = None) -> None:
        super().__init__(camera=camera)


class _RemoteManagerUnity:
    """RemoteManager as Unity programs start it; the connection is the same one."""

    def __repr__(self) -> str:
        return f"<RemoteManagerUnity {RemoteManager.connection_status}>"

    def initialize_manager(self, init: RemoteUnityClientInit) -> None:
        """Initialize RemoteManager; RRException(AlreadyInitialized) if it is already."""
        if not isinstance(init, RemoteUnityClientInit):
            raise TypeError("initialize_manager takes a RemoteUnityClientInit(camera), not "
                            f"{type(init).__name__}")
        RemoteManager.initialize_manager(init)

    def shutdown_manager(self) -> None:
        """Shut RemoteManager down: it disconnects, and may be initialized again."""
        RemoteManager.shutdown_manager()

    @property
    def is_connected(self) -> bool:
        """True while RemoteManager is connected."""
        return RemoteManager.is_connected

    InitializeManager = initialize_manager
    ShutdownManager = shutdown_manager
    IsConnected = is_connected


RemoteManagerUnity = _RemoteManagerUnity()
