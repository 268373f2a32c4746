"""The API's limit of open connections."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from api.connections import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {most}))
allow_connections()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("most", [300, 2048])
def test_a_process_may_open_as_many_connections_as_the_system_allows(most: int) -> None:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert allowed == resource.RLIM_INFINITY or allowed >= most
    said = subprocess.run([sys.executable, "-c", PROGRAM.format(most=most)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(most), str(most)]
