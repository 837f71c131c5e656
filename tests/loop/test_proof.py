# SPDX-License-Identifier: BSD-2-Clause
"""What the project promises of every device, over each backend: `verify`, single-byte faults, a radiograph as a mosaic."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from macropix.host.faults import inject
from macropix.host.specimen import record_stream
from macropix.host.verify import verify

BIN = Path(sys.executable).parent / "macropix"


def test_every_cell(device):
    found = verify(device, seed=21)
    assert found.trouble is None
    assert found.total.differing == 0
    told = found.to_dict()
    assert len(told["cells"]) > 600
    assert all(cell["pixels_nonzero"] > 0 for cell in told["cells"])


def test_a_sample_of_faults(device):
    """Every 29th byte of a stream that this device has sent; all of them in `verify --faults`."""
    found = inject(record_stream(device, seed=22), seed=22, jobs=1, step=29)
    assert found.trouble is None
    told = found.to_dict()
    assert told["faults"] > 2000
    assert (told["wrong_pixels"], told["reports_inexact"]) == (0, 0)
    assert told["max_slices_lost"] <= 1


def test_a_radiograph(alone, tmp_path):
    """A picture larger than the array, of sizes no tile divides, against the golden model of the whole of it."""
    rng = np.random.default_rng(23)
    grey = np.add.outer(np.arange(75) * 1.5, np.arange(101)) + 40 * (rng.random((75, 101)) < 0.05) + rng.normal(0, 3, (75, 101))
    grey[20:50, 30:70] += 60
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(tmp_path / "r.png")
    arguments = ["--kernel", "laplacian", "--threshold", "1", "--threshold-mode", "pos", "--stride", "1", "--mode", "edge", "--check"]
    command = [BIN, "capture", "--url", alone, "--image", "r.png", "--mosaic", *arguments, "-o", "r.h5", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["pixels_compared"] == told["pixels_total"] == 75 * 101
    assert told["pixels_differing"] == 0
    assert 1000 < told["pixels_sent"] < 7000
