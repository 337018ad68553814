"""Bill of materials of the ward's runtime, CycloneDX 1.6 in JSON (ECMA-424): what IEC 62304 calls the SOUP list.

No time and no random serial number: an equal run on an equal machine gives equal bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from bedside.base.digest import digest_value
from bedside.bundle.pack.closure import Package, closure
from bedside.runtime.artifact import Artifact
from bedside.runtime.session import RUNTIMES

ROOT = "bedside"
_NOTE = "bedside:installed-record-sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What the bill is about: a bundle, its models, and the version of bedside."""

    name: str
    version: str
    models: tuple[Artifact, ...] = ()


def ward_packages(formats: Sequence[str]) -> Mapping[str, Package]:
    """Return the ward's dependency closure on this machine, and what the runtime of each format adds to it.

    Packages that only a further format needs are marked `optional`: a ward that runs the first format lacks them.

    Raises
    ------
    MissingPackageError
        If `packaging`, which reads requirements, is not installed.
    """
    needed = closure((ROOT, *_runtimes(formats[:1])))
    return {**closure(_runtimes(formats[1:]), is_optional=True), **needed}


def _runtimes(formats: Sequence[str]) -> tuple[str, ...]:
    return tuple(need.pip for name in formats for need in RUNTIMES.get(name).requires)


def sbom_json(shipped: Shipped) -> str:
    """Write the bill for the formats that ship."""
    formats = list(dict.fromkeys(model.format for model in shipped.models))
    packages = ward_packages(formats)
    root, roots = f"bundle:{shipped.name}", sorted({ROOT, *_runtimes(formats)})
    models = [_model(model) for model in shipped.models]
    body: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": ROOT, "version": shipped.version}]},
            "component": {"type": "application", "bom-ref": root, "name": shipped.name, "version": "1"},
        },
        "components": [*models, *(_component(package) for _, package in sorted(packages.items()))],
        "dependencies": [
            {"ref": root, "dependsOn": sorted([*(m["bom-ref"] for m in models), *_refs(roots, packages)])},
            *({"ref": m["bom-ref"]} for m in models),
            *(_dependency(package, packages) for _, package in sorted(packages.items())),
        ],
    }
    body["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE_URL, digest_value(body))}"
    return json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _component(package: Package) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "application" if package.name == ROOT else "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "scope": "optional" if package.is_optional else "required",
    }
    if package.licences:
        made["licenses"] = list(package.licences)
    if package.archive_sha256:
        made["hashes"] = [{"alg": "SHA-256", "content": package.archive_sha256}]
    if package.record_sha256:
        made["properties"] = [{"name": _NOTE, "value": package.record_sha256}]
    return made


def _model(model: Artifact) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{model.format}-{model.precision}",
        "name": model.name,
        "version": model.digest[:12],
        "hashes": [{"alg": "SHA-256", "content": model.digest}],
    }


def _dependency(package: Package, packages: Mapping[str, Package]) -> dict[str, Any]:
    needs = _refs(package.needs, packages)
    return {"ref": package.purl, **({"dependsOn": needs} if needs else {})}


def _refs(names: Sequence[str], packages: Mapping[str, Package]) -> list[str]:
    return sorted(packages[name].purl for name in names if name in packages)
