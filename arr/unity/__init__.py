"""Unity's service component, for any host with a main loop: ``ARRServiceUnity``."""

from ._component import ARRServiceUnity

__all__ = ["ARRServiceUnity"]
