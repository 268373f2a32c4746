"""What `impasto doctor` looks at on a machine that paints: the networks' weights. No torch is imported."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rich.filesize import decimal

from service.checks.finding import Finding, ok, wrong
from workers.painter import sources, weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings


def look_at_weights(_: Settings) -> Iterator[Finding]:
    """Look at the weights on this machine's disk, and hash those in use; workers can't start without VGG-16's."""
    if find_spec("torch") is None:
        yield ok("weights", "This machine does not paint: torch is not installed.")
        return
    yield _vgg16()
    yield _vgg19()


def _vgg16() -> Finding:
    file = weights.in_use("vgg16")
    if file is not None:
        return _whole(file)
    fact = f"They are not in {weights.default_folder()}: no worker starts on this machine."
    return wrong("weights.vgg16", fact, "Fetch them: impasto weights pull vgg16. Or set IMPASTO_WEIGHTS_DIR.")


def _vgg19() -> Finding:
    file = weights.in_use("vgg19")
    if file is not None:
        return _whole(file)
    return ok("weights.vgg19", "Not here: a job that asks for it fails on this machine (impasto weights pull vgg19).")


def _whole(file: weights.WeightsFile) -> Finding:
    name = f"weights.{file.network}"
    try:
        intact = weights.is_intact(file, sources.sha256_of(file.path))
    except OSError as error:
        return wrong(name, f"{file.path} can't be read: {error.strerror}.", "Let the workers' user read it.")
    if not intact:
        fact = f"{file.path} is damaged: every job that needs it fails."
        return wrong(name, fact, f"Fetch it again: impasto weights pull {file.network}.")
    return ok(name, f"{file.path} is whole ({decimal(file.size)}).")
