# SPDX-License-Identifier: BSD-2-Clause
# CMake toolchain file of Wharf's SDK: cmake -DCMAKE_TOOLCHAIN_FILE=SDK/share/aarch64-wharf-elf.cmake ...
get_filename_component(WHARF_SDK "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(CMAKE_SYSTEM_NAME Wharf)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/cmake)      # Platform/Wharf.cmake

set(wharf_tool ${WHARF_SDK}/bin/aarch64-wharf-elf-)
set(CMAKE_C_COMPILER ${wharf_tool}gcc)
set(CMAKE_ASM_COMPILER ${wharf_tool}gcc)
set(CMAKE_SYSROOT ${WHARF_SDK}/sysroot)
set(PKG_CONFIG_EXECUTABLE ${wharf_tool}pkg-config CACHE FILEPATH "pkg-config for Wharf's packages")
foreach(tool AR RANLIB NM OBJCOPY OBJDUMP READELF STRIP)
    string(TOLOWER ${tool} name)
    set(CMAKE_${tool} ${wharf_tool}${name} CACHE FILEPATH "")
endforeach()
set(CMAKE_LINKER ${wharf_tool}ld CACHE FILEPATH "")

set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT}/usr)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
