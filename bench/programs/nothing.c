/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest program: what starting and ending one costs (bench-process.c).
 */
int main(void)
{
    return 0;
}
