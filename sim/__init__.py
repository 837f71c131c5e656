# SPDX-License-Identifier: BSD-2-Clause
"""What stands in for the detector: the golden model, the compiled gateware, the cocotb benches."""

if __name__ != "macropix.sim":
    raise ImportError(
        f"this package is macropix.sim, but it was imported as {__name__!r}: install the project (pip install -e .) and import macropix.sim"
    )
