"""Whether strangers' images are decoded, and where they can do no harm."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from service.checks.finding import Finding, ok, warning, wrong
from service.errors import IngestUnavailable, InvalidImage
from service.painting import Picture
from service.pictures import encode_stored
from service.sandbox.kept import Sandbox
from service.upload import image_limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

_LACKS = {
    "files": "open files (Landlock, Linux 5.13)",
    "network": "use the network (user namespaces)",
    "privileges": "keep or gain privileges",
    "calls": "make any call of the system (seccomp)",
}


def look_at_decoding(settings: Settings) -> Iterator[Finding]:
    """Have two small pictures decoded, and say what this machine's kernel does not keep from whoever decodes."""
    with closing(Sandbox(settings, warns=False)) as sandbox:
        try:
            confined = sandbox.confined()
            for depth in (np.uint8, np.uint16):  # decoded by different libraries
                picture = Picture(np.full((8, 8, 3), np.iinfo(depth).max // 2, dtype=depth))
                sandbox.ingest(encode_stored(picture), image_limits(settings))
        except (IngestUnavailable, InvalidImage) as error:
            advice = "See whether this machine lets us fork, and whether ingest_memory_bytes and ingest_cpu_s suffice."
            yield wrong("ingest", f"No image can be taken in: {str(error).rstrip('.')}.", advice)
            return
    if left_open := confined.left_open():
        may = ", ".join(_LACKS[name] for name in left_open)
        fact = f"Where strangers' images are decoded, this kernel lets a decoder that is taken over {may}."
        advice = "Let the API run on a newer kernel, or in a container whose profile permits what is named."
        yield warning("ingest", fact, advice)
    else:
        yield ok("ingest", "Strangers' images are decoded without files, network, privileges, and with few calls.")
