# SPDX-License-Identifier: BSD-2-Clause
"""The ./wharf command. One module a subject; Python 3.11 standard library only."""
