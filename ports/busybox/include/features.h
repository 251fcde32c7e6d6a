/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: it takes systems with newlib for having one.
 */
#pragma once
