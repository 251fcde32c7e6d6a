/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program `ext4`: the server of volumes for this format (fs-srv/volume/serve.h).
 */
#include <serve.h>

int main(int argc, char **argv)
{
    return volume_serve(argc, argv, &ext4_volume);
}
