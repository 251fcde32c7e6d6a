/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `fat`: the server of volumes for this format (fs-srv/volume/serve.h).
 */
#include <serve.h>

int main(int argc, char **argv)
{
    return volume_serve(argc, argv, &fat_volume);
}
