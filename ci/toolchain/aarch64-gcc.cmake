# SPDX-License-Identifier: BSD-2-Clause
# Toolchain file: Debian's aarch64-linux-gnu gcc as a bare-metal compiler.
# Usable on its own: cmake -DCMAKE_TOOLCHAIN_FILE=ci/toolchain/aarch64-gcc.cmake ...
# Debian's cross gcc is a Linux compiler; the initial flags switch off what it takes for granted:
# position-independent executables, out-of-line atomics (they need libgcc's start-up code), a
# stack protector that looks for its canary in a C library, and the hosted link.

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(WHARF_CROSS aarch64-linux-gnu- CACHE STRING "Prefix of the cross tools")

set(CMAKE_C_COMPILER ${WHARF_CROSS}gcc)
set(CMAKE_ASM_COMPILER ${WHARF_CROSS}gcc)
set(CMAKE_AR ${WHARF_CROSS}ar CACHE FILEPATH "Archiver")
set(CMAKE_RANLIB ${WHARF_CROSS}ranlib CACHE FILEPATH "Archive indexer")
set(CMAKE_OBJCOPY ${WHARF_CROSS}objcopy CACHE FILEPATH "Object copier")
set(CMAKE_OBJDUMP ${WHARF_CROSS}objdump CACHE FILEPATH "Disassembler")
set(CMAKE_NM ${WHARF_CROSS}nm CACHE FILEPATH "Symbol lister")

set(CMAKE_C_FLAGS_INIT "-fno-pic -fno-pie -fno-stack-protector -mno-outline-atomics")
set(CMAKE_ASM_FLAGS_INIT "-fno-pic -fno-pie")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -static -no-pie")

# There is no C library to link a test program with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WHARF_CROSS)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
