# SPDX-License-Identifier: BSD-2-Clause
"""From pixels to slices: Rice codes, bits, whole packets."""
