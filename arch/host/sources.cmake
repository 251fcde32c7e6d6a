# SPDX-License-Identifier: BSD-2-Clause
# The simulated machine's sources, relative to arch/host.
file(GLOB ARCH_SOURCES RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
