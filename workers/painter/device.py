"""The device: choosing it, loading a network onto it once per process, and saying in our words what it complains of."""

from __future__ import annotations

import ctypes
import platform
import resource
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import torch

from service.errors import DeviceFailed, OutOfMemory
from service.machine import cores, machine_memory_bytes
from workers.painter import vgg, weights

if TYPE_CHECKING:
    from collections.abc import Generator

    from service.options import PaintOptions
    from service.settings import Precision
    from workers.painter.vgg import Vgg

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
"""Of mallopt(3)."""
_NEVER, _PIECES, _LARGE = 2**31 - 1, 65_536, 32 * 1024**2


@dataclass(slots=True)
class _Given:
    """What this process was told: bytes that painting may take, and what slopes may be computed in."""

    memory: int | None = None
    precision: Precision = "float32"


_GIVEN = _Given()


def choose() -> torch.device:
    """Take the first CUDA device if there is one, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def configure(threads: int | None, memory: int | None = None, precision: Precision = "float32") -> None:
    """Let this process compute on so many threads, or on every core that it may use, and keep the memory that it frees.

    A step frees as much memory as it takes. The C library gives large pieces back at once, so that the system has to
    clear them anew for the next step, page by page: a seventh of an iteration on a CPU.

    Args:
        threads: on the CPU.
        memory: bytes that painting may take; None: all that there are.
        precision: what slopes are computed in, see `precision`.
    """
    torch.set_num_threads(threads or cores())
    _GIVEN.memory, _GIVEN.precision = memory, precision
    keep_memory()


def keep_memory(*, large: bool = True) -> None:
    """Keep the memory that is freed, or all but large pieces of it, from 32 MiB on.

    Between pieces as large as the image, gaps are left over that nothing fits into: at 2048 × 2048 half as much again.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_MMAP_MAX, 0 if large else _PIECES)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def give_back_memory() -> None:
    """Give the system what was kept, and keep what is freed anew: a painting has ended, or a pass over its tiles."""
    keep_memory()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def name(device: torch.device) -> str:
    """Name a device for the report: `cpu`, or what its maker calls it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def memory_bytes(device: torch.device) -> int:
    """Say how much memory of a device painting may take: what this process was given, or all that there is."""
    if device.type == "cuda":
        own = int(torch.cuda.get_device_properties(device).total_memory)
    else:
        own = machine_memory_bytes()
    return min(own, _GIVEN.memory or own)


def peak_bytes() -> int:
    """Say how much memory this process has taken at most: of the device; on a CPU, all that was resident."""
    device = choose()
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts it in KiB


def network(options: PaintOptions, device: torch.device, precision: torch.dtype = torch.float32) -> tuple[Vgg, str]:
    """Give the network that the options name, and SHA-256 of the file with its weights; read once per process.

    Raises:
        WeightsMissing: they are not on this machine.
    """
    loaded, sha256 = _loaded(options.network, device, precision)
    return replace(loaded, pooling=options.pooling, padding=options.padding), sha256


@cache
def _loaded(network: str, device: torch.device, precision: torch.dtype) -> tuple[Vgg, str]:
    loaded = weights.load(network)
    return vgg.build(network, loaded.tensors, device=device, dtype=precision), loaded.sha256


def precision(device: torch.device) -> torch.dtype:
    """Say what the convolutions of a descent are computed in: bfloat16 where that is allowed and in hardware.

    What a descent aims at, and what is reported of its picture, is computed in float32 anyway.
    """
    if _GIVEN.precision == "float32":
        return torch.float32
    if device.type == "cuda":
        halves = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu.get_capabilities()
        halves = any(known.get(unit, False) for unit in ("avx512_bf16", "amx_bf16"))
    return torch.bfloat16 if halves else torch.float32


@contextmanager
def errors_translated() -> Generator[None]:
    """Turn what torch raises into our errors, for as long as the block runs.

    Raises:
        OutOfMemory: memory of the device, or of the machine, did not suffice.
        DeviceFailed: any other error of CUDA.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(_first_line(error)) from error
    except torch.AcceleratorError as error:
        raise DeviceFailed(_first_line(error)) from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error):  # the CPU's allocator has no class of its own
            raise OutOfMemory(_first_line(error)) from error
        if any(name in str(error) for name in ("CUDA", "cuDNN", "CUBLAS")):  # libraries raise the plain class
            raise DeviceFailed(_first_line(error)) from error
        raise


def _first_line(error: RuntimeError) -> str:
    return str(error).strip().partition("\n")[0]
