# SPDX-License-Identifier: BSD-2-Clause
"""The die and the FPGA around it, in Amaranth; and the descriptions (config, wire, registers) that all parts share."""

if __name__ != "macropix.gateware":
    raise ImportError(
        f"this package is macropix.gateware, but it was imported as {__name__!r}: "
        "install the project (pip install -e .) and import macropix.gateware"
    )
