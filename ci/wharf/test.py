# SPDX-License-Identifier: BSD-2-Clause
"""Comes next."""


def add_arguments(sub):
    pass


def main(options):
    pass
