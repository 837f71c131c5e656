# SPDX-License-Identifier: BSD-2-Clause
"""``macropix bench``: speed and size, measured here and now, beside what others give in the same run."""
