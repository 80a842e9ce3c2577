"""The JSON files that lie beside an archive from 2020 on: what was converted, or why it was not."""

from __future__ import annotations

from typing import Any, Sequence

from .formats.boxes import Box
from .formats.model_info import ModelInfo
from .settings import Settings

TOOL_VERSION = "arr.emulator"


def info_report(*, model: str, output: str, default_output: str, info: ModelInfo,
                settings: Settings, overrides: "dict[str, int] | None", box: Box | None,
                moved: Sequence[float] | None, digest: str) -> dict[str, Any]:
    """Return the information about a conversion; what is not known of a model is left out."""
    files = {"input": model, **({"output": output} if output != default_output else {})}
    name, _, form = info.format.partition(" ")
    version, _, kind = form.partition(" ")
    statistics = {
        "numMeshes": info.meshes, "numFaces": info.triangles, "numVertices": info.vertices,
        "numMaterial": info.materials, "numFacesSmallestMesh": info.fewest_triangles,
        "numFacesBiggestMesh": info.most_triangles, "numNodes": info.nodes,
        "numMeshUsagesInScene": info.instances, "maxNodeDepth": info.depth}
    return {
        "files": files,
        "conversionSettings": settings,
        **({"materialOverrides": overrides} if overrides is not None else {}),
        "inputInfo": {
            "sourceAssetExtension": model[model.rfind("."):] if "." in model else "",
            "sourceAssetFormat": f"{name} {kind}".strip(), "sourceAssetFormatVersion": version,
            "sourceAssetGenerator": info.generator},
        "inputStatistics": {key: value for key, value in statistics.items() if value is not None},
        "outputInfo": {"conversionToolVersion": TOOL_VERSION, "conversionHash": digest},
        "outputStatistics": {
            **({} if info.primitives is None else {"numMeshPartsCreated": info.primitives}),
            **({} if info.instances is None else {"numMeshPartsInstanced": info.instances}),
            **({} if moved is None else {"recenteringOffset": list(moved)}),
            **({} if box is None else {
                "boundingBox": {"min": list(box[0]), "max": list(box[1])}})},
    }


def result_report(reason: str) -> dict[str, Any]:
    """Return the report about a model that was refused."""
    return {"error": "2007", "title": "The input asset is not valid.",
            "details": {"message": reason}}
