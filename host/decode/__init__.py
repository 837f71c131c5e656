# SPDX-License-Identifier: BSD-2-Clause
"""From bytes to packets, slices and frames."""
