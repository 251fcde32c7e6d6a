# SPDX-License-Identifier: BSD-2-Clause
# check.t are its tests, run by check.pl on a machine with Perl; TARGET_OS is what it asks uname for otherwise.
TARGET_OS=Wharf CFLAGS=-O2 sh ./Build.sh -r
cp mksh check.t "$OUT"
