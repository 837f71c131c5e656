# SPDX-License-Identifier: BSD-2-Clause
"""From pixels to slices: meters, codes, packer, headers."""
