"""Unity's names for any host with a main loop: the component and what programs start up with."""

from ._component import ARRServiceUnity
from ._startup import RemoteManagerUnity, RemoteUnityClientInit, RRInterface

__all__ = ["ARRServiceUnity", "RRInterface", "RemoteManagerUnity", "RemoteUnityClientInit"]
