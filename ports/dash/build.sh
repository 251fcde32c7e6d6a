# SPDX-License-Identifier: BSD-2-Clause
./configure --host="$HOST" --without-libedit
make -j"$JOBS"
cp src/dash "$OUT"
