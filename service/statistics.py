"""Statistics of styles in the storage: computed by one worker, taken over by every other.

They only save time. Whatever goes wrong with them is noted in the log, and they are computed anew.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from service.errors import NotFound, Unavailable
from service.log import log

if TYPE_CHECKING:
    from service.painting import Arrays
    from service.stores.blob_store import BlobStore
    from service.stores.style_store import Held, StyleStore

_NOTE = "statistics.json"

_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OSError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading an archive that is damaged, or none, raises."""


@dataclass(frozen=True, slots=True)
class StoredStatistics:
    """The statistics of a tenant's styles; implements `service.painting.Statistics`."""

    tenant: str
    styles: StyleStore
    blobs: BlobStore

    def get(self, style_id: str, digest: str) -> Arrays | None:
        """Read what was kept; None where there is nothing, or it can't be reached or read."""
        try:
            held = self.styles.find_statistics(self.tenant, style_id, digest)
            self._tidy(held)
            return None if held.key is None else unpack(self.blobs.get(held.key), digest)
        except NotFound:  # a worker died before it had stored them
            return None
        except Unavailable as error:
            log().warning("statistics_out_of_reach", style_id=style_id, detail=str(error))
            return None

    def put(self, style_id: str, digest: str, arrays: Arrays) -> None:
        """Store statistics, unless the style has been deleted or a store is away."""
        try:
            held = self.styles.hold_statistics(self.tenant, style_id, digest)
            self._tidy(held)
            if held.key is not None:
                self.blobs.put(held.key, pack(arrays, digest), content_type="application/zip")
        except Unavailable as error:
            log().warning("statistics_not_kept", style_id=style_id, detail=str(error))

    def _tidy(self, held: Held) -> None:
        for objects in held.free:
            self.blobs.delete_prefix(objects)


def pack(arrays: Arrays, digest: str) -> bytes:
    """Write statistics, with a note of what they are; every number comes back."""
    file = BytesIO()
    note: Any = np.frombuffer(json.dumps({"digest": digest}).encode(), np.uint8)
    kept: dict[str, Any] = dict(arrays)
    np.savez(file, **kept, **{_NOTE: note})
    return file.getvalue()


def unpack(data: bytes, digest: str) -> Arrays | None:
    """Read statistics; None when they are damaged, or not those of this digest. The archive has a checksum of each."""
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        said = json.loads(arrays.pop(_NOTE).tobytes())
    except _UNREADABLE as error:
        log().warning("statistics_unreadable", error=type(error).__name__)
        return None
    return arrays if said == {"digest": digest} else None
