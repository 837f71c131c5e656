# SPDX-License-Identifier: BSD-2-Clause
"""Files: HDF5, PNG, TIFF."""
