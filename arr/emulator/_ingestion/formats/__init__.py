"""Readers of model formats: glTF, GLB and FBX."""
