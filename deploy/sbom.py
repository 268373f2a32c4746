"""Writes the software bill of materials: what the service runs on, and the weights that it paints with.

    python deploy/sbom.py out/impasto.cdx.json

CycloneDX 1.6, made by cyclonedx-py from what is installed in this environment. Of that only remains what the service,
the worker and `impasto up` need; the tools of development go. The same environment gives the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service
from workers.painter import package_index, sources

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
EXTRAS = ("worker", "embedded")
"""What runs beside the service itself."""

Component = dict[str, Any]


def bill() -> dict[str, Any]:
    """Make the bill, valid by CycloneDX's own schema.

    Raises:
        ValueError: it is not; the message says where.
    """
    whole = _installed()
    direct = _read(_declared(), extras=())
    needed = _with_all_they_need(direct)
    kept = [each for each in whole["components"] if canonicalize_name(each["name"]) in needed]
    refs = {each["bom-ref"] for each in kept}
    weights = list(_weights())
    named = [each["bom-ref"] for each in kept if canonicalize_name(each["name"]) in direct]
    made = {
        **whole,
        "components": [*kept, *weights],
        "dependencies": [
            {
                "ref": whole["metadata"]["component"]["bom-ref"],
                "dependsOn": sorted((*named, *(each["bom-ref"] for each in weights))),
            },
            *({"ref": each["bom-ref"]} for each in weights),
            *(_within(edges, refs) for edges in whole["dependencies"] if edges["ref"] in refs),
        ],
    }
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made))
    if wrong is not None:
        raise ValueError(str(wrong))
    return made


def _installed() -> dict[str, Any]:
    command = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--spec-version", "1.6")
    made = subprocess.run(  # noqa: S603 - this interpreter, with arguments made here
        [*command, "--no-validate", "--pyproject", str(ROOT / "pyproject.toml"), "--output-file", "-", sys.executable],
        check=True,
        capture_output=True,
        text=True,
    )
    whole: dict[str, Any] = json.loads(made.stdout)
    whole["metadata"]["component"]["version"] = service.__version__
    return whole


def _declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]


def _with_all_they_need(direct: dict[str, frozenset[str]]) -> set[str]:
    """Name all that is needed on this machine, directly or not, with exactly the extras that are asked for."""
    needed: set[tuple[str, frozenset[str]]] = set()
    open_ends = set(direct.items())
    while open_ends:
        needed |= open_ends
        further = (_read(distribution(name).requires or (), extras=extras) for name, extras in open_ends)
        open_ends = {end for found in further for end in found.items()} - needed
    return {name for name, _ in needed}


def _read(lines: Iterable[str], *, extras: Iterable[str]) -> dict[str, frozenset[str]]:
    """Give what is required on this machine, by name, each with its own extras."""
    found: dict[str, frozenset[str]] = {}
    for wanted in map(Requirement, lines):
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            name = canonicalize_name(wanted.name)
            found[name] = found.get(name, frozenset()) | wanted.extras
    return found


def _within(edges: dict[str, Any], refs: set[str]) -> dict[str, Any]:
    known = [ref for ref in edges.get("dependsOn", ()) if ref in refs]
    return {"ref": edges["ref"], **({"dependsOn": known} if known else {})}


def _weights() -> Iterable[Component]:
    """Describe each network by the SHA-256 of the file that is loaded, and the package that it comes from."""
    for network, sha256 in sources.CONVERTED_SHA256.items():
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"weights:{network}",
            "name": network,
            "version": sha256[:8],
            "description": "Pretrained on ImageNet; safetensors, converted on this machine",
            "hashes": [{"alg": "SHA-256", "content": sha256}],
            "pedigree": {"ancestors": [_package()]},
        }
    for network in sorted(sources.TORCHVISION_SHA256.keys() - sources.CONVERTED_SHA256.keys()):
        digits = sources.TORCHVISION_SHA256[network]
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"weights:{network}",
            "name": network,
            "version": digits,
            "description": "Pretrained on ImageNet; only where an operator pulls it",
            "properties": [{"name": "impasto:sha256-begins-with", "value": digits}],
        }


def _package() -> Component:
    name, _, version = package_index.REQUIREMENT.partition("==")
    return {
        "type": "file",
        "name": package_index.SDIST,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": package_index.SDIST_SHA256}],
    }


def main(out: Path) -> None:
    """Write the bill."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill(), indent=2, ensure_ascii=False) + "\n")
    print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
