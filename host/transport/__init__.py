# SPDX-License-Identifier: BSD-2-Clause
"""Ways to reach a device, by URL."""
