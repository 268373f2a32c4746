from __future__ import annotations

import pytest
import torch

from service.errors import DeviceFailed, OutOfMemory
from workers.painter import device


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), OutOfMemory),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nmore"), DeviceFailed),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), DeviceFailed),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), DeviceFailed),
        (RuntimeError("a mistake of ours"), RuntimeError),
    ],
    ids=str,
)
def test_what_torch_raises_comes_out_in_our_words(raised: Exception, ours: type[Exception]) -> None:
    with pytest.raises(Exception, match=str(raised)[:9]) as caught, device.errors_translated():
        raise raised
    assert type(caught.value) is ours
    assert "\n" not in str(caught.value)


def test_memory_of_the_machine_that_does_not_suffice_is_said_so() -> None:
    with pytest.raises(OutOfMemory, match="allocate"), device.errors_translated():
        torch.empty(10**14)
