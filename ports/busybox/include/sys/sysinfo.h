/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For busybox only: its library includes it.
 */
#pragma once
