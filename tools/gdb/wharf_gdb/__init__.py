# SPDX-License-Identifier: BSD-2-Clause
"""What the commands of ../wharf.py are made of. Lowest first: machine, records, who, then one file a subject, then commands."""
