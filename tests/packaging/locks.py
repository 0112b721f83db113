"""`python -m tests.packaging.locks`: whether the locks fit pyproject.toml; read from the files, nothing is resolved."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DEV = "requirements-dev.lock"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^]]+)\])?==([^ ;\\]+)(.*)$")
_ADDRESS = re.compile(r"[a-z+]+://\S+|^ *-(?:i|f|-\w*index\w*|-find-links)\b.*", re.MULTILINE)
_SHOWN = 3  # misfits of one lock


@dataclass(frozen=True, slots=True)
class Pin:
    """A version of a package, for the environments that its marker names; `direct` when pyproject.toml asks for it."""

    name: str
    version: str
    hashes: int
    direct: bool
    extras: frozenset[str] = frozenset()


def read_pins(text: str) -> list[Pin]:
    """The pins of a lock, in its order."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if _PIN.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return [_pin(block) for block in blocks]


def _pin(block: list[str]) -> Pin:
    found = _PIN.match(block[0])
    assert found is not None
    hashes = sum("--hash=sha256:" in line for line in block)
    direct = any("(pyproject.toml" in line for line in block)
    return Pin(
        canonicalize_name(found[1]), found[3], hashes, direct, frozenset(filter(None, (found[2] or "").split(",")))
    )


def declared(root: Path) -> dict[str, list[Requirement]]:
    """What each lock has to satisfy, by the pyproject.toml of the project and of those in `exporter/`."""
    main = _read(root / "pyproject.toml")
    others = [_read(file) for file in sorted(root.glob("exporter/*/pyproject.toml"))]
    project, groups = main["project"], main["dependency-groups"]
    needed, extras = project["dependencies"], project["optional-dependencies"]
    backends = [line for file in (main, *others) for line in file["build-system"]["requires"]]
    plugins = [line for file in others for line in file["project"].get("dependencies", [])]
    development = [line for extra in extras.values() for line in extra] + _group(groups, "dev") + plugins + backends
    texts = {
        "requirements.lock": needed,
        "requirements-build.lock": _group(groups, "build") + backends,
        "requirements-dashboards.lock": needed + extras["dashboards"],
        "requirements-demo.lock": needed + extras["demo"],
        "requirements-gcp.lock": needed + extras["gcp"],
        DEV: needed + development,
    }
    return {lock: [Requirement(text) for text in lines] for lock, lines in texts.items()}


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _group(groups: Mapping[str, list[Any]], name: str) -> list[str]:
    lines: list[str] = []
    for line in groups[name]:
        lines += [line] if isinstance(line, str) else _group(groups, line["include-group"])
    return lines


def misfits(text: str, required: Iterable[Requirement], dev: Iterable[Pin]) -> list[str]:
    """Why a lock with that text does not do for `required`, or differs from the pins of `dev`; each a clause."""
    pins, required, known = read_pins(text), list(required), {(pin.name, pin.version) for pin in dev}
    found = [clause for requirement in required for clause in _unsatisfied(requirement, pins)]
    names = {canonicalize_name(requirement.name) for requirement in required}
    found += [
        f"it pins {pin.name}, which is no longer required" for pin in pins if pin.direct and pin.name not in names
    ]
    found += [f"it pins {pin.name} without a hash" for pin in pins if not pin.hashes]
    found += [f"{DEV} pins another {pin.name}" for pin in pins if (pin.name, pin.version) not in known]
    return found + [f"it holds an address, {address.strip()}" for address in _ADDRESS.findall(text)]


def _unsatisfied(requirement: Requirement, pins: Iterable[Pin]) -> list[str]:
    versions = [pin.version for pin in pins if pin.name == canonicalize_name(requirement.name)]
    wrong = [version for version in versions if not requirement.specifier.contains(version, prereleases=True)]
    asked = f"{requirement.name}{requirement.specifier}"
    if not versions:
        return [f"{asked} is required, and it pins none"]
    return [f"{asked} is required, and it pins {version}" for version in wrong]


def check(root: Path) -> list[str]:
    """One sentence for each lock that does not fit, with the command that renews it."""
    sentences = []
    dev = read_pins((root / DEV).read_text(encoding="utf-8")) if (root / DEV).exists() else []
    for lock, required in declared(root).items():
        file = root / lock
        found = misfits(file.read_text(encoding="utf-8"), required, dev) if file.exists() else ["it is missing"]
        if found:
            more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            sentences.append(f"{lock} does not fit pyproject.toml: {'; '.join(found[:_SHOWN])}{more}. Run `make lock`.")
    return sentences


def main() -> int:
    """Print what does not fit; 1 when something does not."""
    sentences = check(ROOT)
    print(*sentences, sep="\n", file=sys.stderr, end="\n" if sentences else "")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
