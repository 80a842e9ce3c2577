"""Extensions that a glTF model may require."""

from __future__ import annotations

# The documentation of the service lists these.
_DOCUMENTED = ("KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit",
               "MSFT_packing_occlusionRoughnessMetallic")
# These change nothing of what is read here, or are read here.
_READ = ("KHR_mesh_quantization", "KHR_texture_transform", "KHR_lights_punctual",
         "KHR_binary_glTF", "KHR_techniques_webgl", "KHR_xmp", "KHR_xmp_json_ld")
SUPPORTED = frozenset(_DOCUMENTED + _READ)

_HINTS = {
    "KHR_draco_mesh_compression": "Draco compression: export the model without it",
    "EXT_meshopt_compression": "meshopt compression: export the model without it",
    "KHR_meshopt_compression": "meshopt compression: export the model without it",
    "KHR_texture_basisu": "Basis Universal textures: export them as PNG or JPEG",
    "EXT_texture_webp": "WebP textures: export them as PNG or JPEG",
    "WEB3D_quantized_attributes": "quantized attributes: export the model without them",
    "Open3DGC-compression": "Open3DGC compression: export the model without it",
}

# In glTF 1.0 nothing marks an extension as required; these change where the geometry lies.
REQUIRED_IN_1 = frozenset(("WEB3D_quantized_attributes", "Open3DGC-compression"))


def hint(name: str) -> str:
    """Return what to do about an extension, in brackets, or nothing."""
    return f" ({_HINTS[name]})" if name in _HINTS else ""
