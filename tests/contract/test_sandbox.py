"""Where strangers' images are decoded: what comes of it, and what becomes of a child that does not end well."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from service.errors import IngestUnavailable, InvalidImage
from service.ingest import ImageLimits
from service.pictures import decode_stored
from service.sandbox import kept
from service.sandbox.confinement import Allowance
from service.sandbox.frames import receive
from service.sandbox.kept import Sandbox
from service.sandbox.nursery import Duty, _bear
from service.settings import Settings
from tests.api_calls import assert_problem
from tests.hostile_files import endless_scans
from tests.images import gradient, photograph_bytes
from tests.served import served

LIMITS = ImageLimits(pixels=40_000_000, side=16_384, aspect=16)

linux = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no Landlock")


@contextmanager
def sandbox(**settings: Any) -> Iterator[Sandbox]:
    with closing(Sandbox(Settings.model_validate(settings))) as opened:
        yield opened


def nursery_of(opened: Sandbox) -> psutil.Process:
    opened.confined()
    assert opened._nursery is not None
    return psutil.Process(opened._nursery._process.pid)


def large() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := BytesIO(), "PNG", compress_level=0)
    return file.getvalue()


# What a child does not know


@linux
def test_nobody_who_decodes_is_told_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_REDIS_URL", "redis://:word@127.0.0.1/0")
    with sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
        nursery = nursery_of(opened)
        with suppress(psutil.AccessDenied):  # whoever has no rights of root sees nothing at all
            assert not [name for name in nursery.environ() if name.startswith(("IMPASTO", "AWS"))]


# What it gives


def test_what_comes_out_is_the_picture() -> None:
    data = photograph_bytes(31, 17, "TIFF")
    with sandbox() as opened:
        taken = opened.ingest(data, LIMITS)
    assert np.array_equal(decode_stored(taken.png).pixels, gradient(31, 17))
    assert (taken.width, taken.height, taken.content_type, taken.bytes) == (31, 17, "image/tiff", len(data))


def test_many_threads_share_it_and_its_children_end() -> None:
    with sandbox(ingest_at_once=4) as opened:
        threads = [
            threading.Thread(target=opened.ingest, args=(photograph_bytes(30 + n, 40), LIMITS)) for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        nursery = nursery_of(opened)
        psutil.wait_procs(nursery.children(), timeout=10)
        assert nursery.children() == []
    assert not nursery.is_running()


# What becomes of one that does not end well


@pytest.mark.parametrize("short", [{"ingest_memory_bytes": 60 * 1024**2}, {"ingest_cpu_s": 0.02}], ids=str)
def test_an_image_that_takes_more_than_it_may_is_refused(short: dict[str, Any]) -> None:
    with sandbox(**short) as opened:
        with pytest.raises(InvalidImage, match=r"more memory or time than it may|damaged"):
            opened.ingest(large(), LIMITS)
        with suppress(InvalidImage):  # so little may not do for any image, but it is answered
            opened.ingest(photograph_bytes(8, 8), LIMITS)


def test_a_small_file_that_computes_for_ever_is_ended_by_the_kernel() -> None:
    data = endless_scans(2000)
    with sandbox(ingest_cpu_s=1.0) as opened:
        began = time.monotonic()
        with pytest.raises(InvalidImage, match="more memory or time than it may"):
            opened.ingest(data, LIMITS)
        assert time.monotonic() - began < kept.WALL_FACTOR + 1
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_a_nursery_that_was_killed_is_replaced() -> None:
    with sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
        nursery = nursery_of(opened)
        nursery.kill()
        nursery.wait(timeout=10)
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_an_image_whose_nursery_is_killed_is_put_off_and_not_refused() -> None:
    with sandbox() as opened:
        nursery = nursery_of(opened)

        def kill_all() -> None:
            while not (children := nursery.children()):
                time.sleep(0.005)
            nursery.kill()
            for child in children:
                child.kill()

        killer = threading.Thread(target=kill_all)
        killer.start()
        with pytest.raises(IngestUnavailable):
            opened.ingest(endless_scans(2000), LIMITS)
        killer.join()
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_ctrl_c_and_an_orderly_end_are_not_for_the_nursery() -> None:
    """Whoever still waits for an answer gets it."""
    with sandbox() as opened:
        nursery = nursery_of(opened)
        assert os.getpgid(nursery.pid) != os.getpgid(0)
        for told_to_others in (signal.SIGINT, signal.SIGTERM):
            nursery.send_signal(told_to_others)
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96
        assert nursery_of(opened) == nursery


def test_a_nursery_that_bears_no_child_puts_images_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox() as opened:
        nursery = nursery_of(opened)
        monkeypatch.setattr(kept, "START_S", 0.2)
        nursery.suspend()
        with pytest.raises(IngestUnavailable, match="no child has begun"):
            opened.ingest(photograph_bytes(), LIMITS)
        monkeypatch.undo()
        nursery.resume()
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


@linux
def test_so_does_one_that_has_no_descriptor_left() -> None:
    with sandbox() as opened:
        nursery = nursery_of(opened)
        before = nursery.rlimit(psutil.RLIMIT_NOFILE)
        nursery.rlimit(psutil.RLIMIT_NOFILE, (3, before[1]))
        with pytest.raises(IngestUnavailable, match="no child has begun"):
            opened.ingest(photograph_bytes(), LIMITS)
        nursery.rlimit(psutil.RLIMIT_NOFILE, before)
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96
        assert nursery_of(opened) == nursery


def test_and_one_that_may_not_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    ours, theirs = socket.socketpair()
    with ours:
        children: dict[int, float] = {}
        with theirs:
            _bear(theirs, Duty(Allowance(memory_bytes=2**30, cpu_s=1, wall_s=1), file_max=1), children)
        assert (ours.recv(1), children) == (b"", {})


def test_a_child_that_answers_drop_by_drop_holds_nobody_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.02):
                theirs.send(b"\0")

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            receive(ours, body_max=2**60, until=began + 0.2)
        assert time.monotonic() - began < 2
        over.set()
        dripping.join()


def test_who_is_closed_takes_in_nothing() -> None:
    with sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
    with pytest.raises(IngestUnavailable, match="closed"):
        opened.ingest(photograph_bytes(), LIMITS)


def test_a_nursery_ends_with_whoever_started_it() -> None:
    program = """if True:
        import os
        from service.settings import Settings
        from tests.contract.test_sandbox import LIMITS, Sandbox, nursery_of, photograph_bytes
        sandbox = Sandbox(Settings())
        sandbox.ingest(photograph_bytes(), LIMITS)
        print(nursery_of(sandbox).pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(said.stdout.split()[-1])).wait(timeout=10)


def test_where_no_process_can_be_had_images_are_put_off(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with served(settings, key=key) as client:
        monkeypatch.setattr(sys, "executable", str(broken))
        answer = client.post("/v1/uploads", files={"file": photograph_bytes()})
        assert_problem(answer, 503, "ingest_unavailable")
        assert "retry-after" in answer.headers
        monkeypatch.undo()
        assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201


def test_who_waits_too_long_for_his_turn_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "TURN_S", 0.05)
    with sandbox(ingest_at_once=1) as opened, opened._turn(), pytest.raises(IngestUnavailable, match="no turn"):
        opened.ingest(photograph_bytes(8, 8), LIMITS)


PICTURE = photograph_bytes(8, 8)
HONEST = {"width": 8, "height": 8, "content_type": "image/png"}


@pytest.mark.parametrize(
    ("lie", "png"),
    [
        ({"width": 9}, PICTURE),
        ({"width": 2**40}, PICTURE),
        ({"width": "8"}, PICTURE),
        ({"height": None}, PICTURE),
        ({"content_type": "text/html"}, PICTURE),
        ({"content_type": 7}, PICTURE),
        ({}, b"<script>"),
        ({}, b""),
        ({}, photograph_bytes(9, 9)),
    ],
    ids=str,
)
def test_an_answer_that_no_child_gives_by_itself_is_not_believed(lie: dict[str, Any], png: bytes) -> None:
    with pytest.raises(IngestUnavailable):
        kept._believed({**HONEST, **lie}, png, LIMITS)


def test_an_honest_answer_is_believed() -> None:
    assert kept._believed(HONEST, PICTURE, LIMITS) == HONEST
