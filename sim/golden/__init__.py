# SPDX-License-Identifier: BSD-2-Clause
"""The golden model: plain integers, the same nouns as the die."""
