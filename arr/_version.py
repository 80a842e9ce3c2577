"""The version of the package; setup.cfg reads it without importing anything else."""

__version__ = "0.1.0"
