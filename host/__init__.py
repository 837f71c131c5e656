# SPDX-License-Identifier: BSD-2-Clause
"""What runs beside the detector: transports, decoders, the device, files and the command line."""

if __name__ != "macropix.host":
    raise ImportError(
        f"this package is macropix.host, but it was imported as {__name__!r}: "
        "install the project (pip install -e .) and import macropix.host"
    )
