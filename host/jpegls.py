# SPDX-License-Identifier: BSD-2-Clause
"""The peer: the frame the same device would send whole, losslessly coded by JPEG-LS (ISO/IEC 14495-1, CharLS through pyjpegls)."""

import numpy as np

__all__ = ["jpegls_bytes"]


def jpegls_bytes(frame: np.ndarray) -> int:
    """Bytes of a 12-bit frame in JPEG-LS, its headers included.

    Parameters
    ----------
    frame : integer array, rows × columns
        ADC values, −2048 … 2047. A frame with negative values is coded with 2,048 added.

    Raises
    ------
    ValueError
        If a value does not fit into 12 bits.
    """
    import jpeg_ls

    values = np.asarray(frame, np.int64)
    if values.min() < -2048 or values.max() > 2047:
        raise ValueError(f"values must be from -2048 to 2047, not {values.min()} to {values.max()}")
    if values.min() < 0:
        values = values + 2048
    rows, cols = values.shape
    return len(jpeg_ls.encode_buffer(values.astype("<u2").tobytes(), rows, cols, 1, bits_stored=12))
