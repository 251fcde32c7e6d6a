/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the test of the C library.
 */
#pragma once

/* clib-text.c */
void check_formats(void);
void check_numbers(void);
void check_strings(void);

/* clib-threads.c */
void check_threads(void);
void check_reclaim(void);

/* clib-encodings.c */
void check_encodings(void);
void check_random(void);
void check_answers(void);
