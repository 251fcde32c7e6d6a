/* SPDX-License-Identifier: BSD-2-Clause */
/* The library of the project. */
int part(int number);
int part(int number)
{
    return number + 1;
}
