"""The members of override files: of December 2019, and from 2020 on."""

from __future__ import annotations

from .checks import each, flag, list_of, number, numbers, object_of, one_of, or_generated, text
from .overrides import OverrideSchema

_COLOR = numbers("rgb", "a")
_PAIR = numbers("xy")

OVERRIDES_2019 = OverrideSchema({
    "name": text,
    "albedoColor": or_generated(_COLOR),
    "emissiveColor": _COLOR,
    **each("textureCoordinateScale textureCoordinateOffset", _PAIR),
    **each("alphaClipThreshold fadeOut aoScale groundingDiffuseStrength groundingSpecularFadeOut "
           "groundingSpecularStrength reflectivity translucencyScale", number),
    **each("metalness roughness", or_generated(number)),
    **each("alphaClipEnabled useFadeToBlack useVertexColor alwaysUseMetalnessRoughnessValues "
           "applyGrounding metalnessMapIsAllWhite specularEnabled useReflectionMap "
           "usePerPixelIrradiance useTranslucency", flag),
    **each("isDoubleSided transparent", or_generated(flag)),
    **each("albedoMap emissiveMap normalMap occlusionMap roughnessMap metalnessMap "
           "reflectivityMap", text),
    "lightingMode": one_of("Dynamic", "Precomputed", "PrecomputedDynamic"),
    "vertexAlphaMode": one_of("Occlusion", "LightMask", "Opacity"),
    "vertexColorMode": one_of("Albedo", "Emissive"),
    "unlit": flag,  # in the text of the documentation, missing in its schema
    "compatibility": object_of({
        **each("diffuseColor specularColor", _COLOR),
        **each("opacity glossiness shininess shininessStrength", number),
        **each("bumpMap opacityMap diffuseMap specularMap shininessMap metallicRoughnessMap "
               "specularGlossinessMap", text)}),
}, patterns=False)

OVERRIDES_2020 = OverrideSchema({
    "name": text,
    "nameMatching": one_of("exact", "regex"),
    "unlit": flag,
    "albedoColor": numbers("rgb", "a", alone="a"),
    **each("roughness metalness alphaClipThreshold", number),
    **each("transparent alphaClipEnabled useVertexColor isDoubleSided", flag),
    "ignoreTextureMaps": list_of(
        "AlbedoMap", "EmissiveMap", "NormalMap", "OcclusionMap", "RoughnessMap", "MetalnessMap",
        "ReflectivityMap", "BumpMap", "OpacityMap", "DiffuseMap", "SpecularMap", "ShininessMap",
        "MetallicRoughnessMap", "SpecularGlossinessMap"),
}, patterns=True)
