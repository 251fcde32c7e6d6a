# SPDX-License-Identifier: BSD-2-Clause
# `generic` until there are popen and sigaction; then it is `posix`.
make -j"$JOBS" -C src CC="$CC -std=gnu99" AR="$AR rcu" RANLIB="$RANLIB" generic
cp src/lua src/luac "$PORT/check.lua" "$OUT"
