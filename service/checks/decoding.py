"""Whether strangers' images are decoded where they can do no harm."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from service.checks.finding import Finding, ok, warning, wrong
from service.errors import IngestUnavailable
from service.sandbox.kept import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

_LACKS = {
    "files": "open files (Landlock, Linux 5.13)",
    "network": "use the network (user namespaces)",
    "privileges": "gain privileges",
}


def look_at_decoding(settings: Settings) -> Iterator[Finding]:
    """Start what decodes images, and say what this machine's kernel does not keep from it."""
    with closing(Sandbox(settings)) as sandbox:
        try:
            confined = sandbox.confined()
        except IngestUnavailable as error:
            yield wrong("ingest", f"No image can be taken in: {error}.", "See whether this machine lets us fork.")
            return
    lacking = [what for name, what in _LACKS.items() if not getattr(confined, name)]
    if lacking:
        fact = (
            f"Where strangers' images are decoded, this kernel lets a decoder that is taken over {', '.join(lacking)}."
        )
        advice = "Let the API run on a newer kernel, or in a container whose profile permits what is named."
        yield warning("ingest", fact, advice)
    else:
        yield ok("ingest", "Strangers' images are decoded without files, network and privileges.")
