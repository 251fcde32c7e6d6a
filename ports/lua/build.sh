# SPDX-License-Identifier: BSD-2-Clause
make -j"$JOBS" -C src CC="$CC -std=gnu99" AR="$AR rcu" RANLIB="$RANLIB" posix
cp src/lua src/luac "$PORT/check.lua" "$OUT"
