"""Start-up and shutdown as programs of 2019 write them, and what those of 2020 write otherwise."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from arr import ARRResult, RemoteManager, RRException
from arr.unity import RemoteManagerUnity, RemoteUnityClientInit, RRInterface

from ..support.rig import Rig, good


@pytest.fixture(autouse=True)
def shut_down_again() -> Iterator[None]:
    yield
    RemoteManager.shutdown_manager()


def test_a_native_program_fills_its_client_init() -> None:
    init = RRInterface.ClientInit()
    init.up, init.forward = "Y", "Z_Neg"  # what it is called there, it is called here
    RemoteManager.InitializeManager(init)
    with pytest.raises(RRException) as refused:
        RemoteManager.InitializeManager(init)
    assert refused.value.ErrorCode == ARRResult.AlreadyInitialized
    RemoteManager.ShutdownManager()
    RemoteManager.InitializeManager(RRInterface.ClientInit(up="Y"))


def test_a_unity_program_hands_its_camera_over() -> None:
    camera = object()
    init = RemoteUnityClientInit(camera)
    assert init.camera is camera
    RemoteManagerUnity.InitializeManager(init)
    for again in (RemoteManagerUnity.InitializeManager, RemoteManager.InitializeManager):
        with pytest.raises(RRException) as refused:
            again(init)
        assert refused.value.ErrorCode == ARRResult.AlreadyInitialized
    with Rig(good) as rig:
        assert RemoteManager.Connect("host", rig.frontend) == ARRResult.Success
        assert RemoteManagerUnity.IsConnected and "Connected" in repr(RemoteManagerUnity)
        RemoteManagerUnity.ShutdownManager()
    assert not RemoteManagerUnity.IsConnected and not RemoteManager.IsConnected
    RemoteManagerUnity.InitializeManager(RemoteUnityClientInit())


def test_a_unity_manager_takes_nothing_else() -> None:
    wrong: Any
    for wrong in (None, object(), RRInterface.ClientInit()):
        with pytest.raises(TypeError, match=r"RemoteUnityClientInit\(camera\)"):
            RemoteManagerUnity.InitializeManager(wrong)
    RemoteManager.InitializeManager()  # nothing was initialized by those


def test_the_inspector_call_of_2020_is_told_to_drop_its_argument() -> None:
    with Rig(good) as rig:
        hostname: Any = "vm.example.com"
        with pytest.raises(TypeError, match="drop the argument"):
            rig.session.ConnectToArrInspectorAsync(hostname)
        assert rig.executor.pending == 0
