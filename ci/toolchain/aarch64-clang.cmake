# SPDX-License-Identifier: BSD-2-Clause
# Toolchain file: clang and lld as a bare-metal AArch64 toolchain.
# Usable on its own: cmake -DCMAKE_TOOLCHAIN_FILE=ci/toolchain/aarch64-clang.cmake ...
# Debian 12 packages no AArch64 compiler-rt builtins for this target; where a program needs them
# (128-bit division, long double), it links the cross gcc's libgcc.a, found here as WHARF_LIBGCC.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CMAKE_C_COMPILER clang)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET aarch64-none-elf)
set(CMAKE_ASM_COMPILER_TARGET aarch64-none-elf)
set(CMAKE_AR llvm-ar CACHE FILEPATH "Archiver")
set(CMAKE_RANLIB llvm-ranlib CACHE FILEPATH "Archive indexer")
set(CMAKE_OBJCOPY llvm-objcopy CACHE FILEPATH "Object copier")
set(CMAKE_OBJDUMP llvm-objdump CACHE FILEPATH "Disassembler")
set(CMAKE_NM llvm-nm CACHE FILEPATH "Symbol lister")

set(CMAKE_C_FLAGS_INIT "-fno-pic -fno-pie -fno-stack-protector -mno-outline-atomics")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=lld -nostdlib -static -Wl,-no-pie")

file(GLOB wharf_libgcc_found /usr/lib/gcc-cross/aarch64-linux-gnu/*/libgcc.a)
list(POP_BACK wharf_libgcc_found wharf_libgcc_newest)
set(WHARF_LIBGCC "${wharf_libgcc_newest}" CACHE FILEPATH "Compiler support library for clang")

# There is no C library to link a test program with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
