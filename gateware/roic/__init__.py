# SPDX-License-Identifier: BSD-2-Clause
"""The emulated die, in the order of the signal."""
