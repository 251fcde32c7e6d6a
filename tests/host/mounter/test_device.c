/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of devices.
 */
#include "check.h"
#include "device.h"

static struct device_name name;

static void place(const char *text, const char *disk, uint32_t partition, const char *short_text)
{
    CHECK(device_read(text, &name) == NULL);
    CHECK(name.kind == DEVICE_PLACE);
    CHECK_TEXT(name.disk, disk);
    CHECK_EQ(name.partition, partition);
    CHECK_TEXT(name.text, short_text);
}

static void no_device(const char *text)
{
    CHECK(device_read(text, &name) != NULL);
}

static void test_read(void)
{
    place("sd0p2", "sd0", 2, "sd0p2");
    place("sd0", "sd0", 0, "sd0");
    place("/dev/disk/vd12p128", "vd12", 128, "vd12p128");
    place("virtio0p1", "virtio0", 1, "virtio0p1");
    place("loop1", "loop1", 0, "loop1"); /* no digit stands before that p */
    place("p1", "p1", 0, "p1");
    place("p", "p", 0, "p");
    place("sd0p", "sd0p", 0, "sd0p");
    place("sd0p1234", "sd0p1234", 0, "sd0p1234");
    place("a.b-c_d+e@0p1", "a.b-c_d+e@0", 1, "a.b-c_d+e@0p1");
    no_device("");
    no_device("/dev/disk/");
    no_device("/dev/sd0p1");
    no_device("sd0 p1");
    no_device("sd0p0");
    no_device("sd0p129");
    no_device("LABEL=");
    no_device("UUID=");
    CHECK(device_read("LABEL=a b", &name) == NULL);
    CHECK(name.kind == DEVICE_LABEL);
    CHECK_TEXT(name.text, "a b");
    CHECK(device_read("UUID=12-34", &name) == NULL);
    CHECK(name.kind == DEVICE_UUID);
    CHECK_TEXT(name.text, "12-34");
}

static void test_limits(void)
{
    char text[DEVICE_TEXT_MAX + 8];

    memset(text, 'n', sizeof(text));
    strcpy(text + DEVICE_DISK_MAX - 1, "");
    CHECK(device_read(text, &name) == NULL);
    strcpy(text + DEVICE_DISK_MAX - 1, "n");
    no_device(text);
    memset(text, 'n', sizeof(text));
    memcpy(text, "LABEL=", 6);
    text[DEVICE_TEXT_MAX] = '\0';
    no_device(text);
    text[DEVICE_TEXT_MAX - 1] = '\0';
    CHECK(device_read(text, &name) == NULL);
}

static void test_make(void)
{
    CHECK(device_make("sd0", 2, &name));
    CHECK_TEXT(name.text, "sd0p2");
    CHECK(device_make("sd0", 128, &name) && name.partition == 128);
    CHECK(device_make("sd0", 0, &name));
    CHECK(name.partition == 0);
    CHECK_TEXT(name.text, "sd0");
    CHECK(!device_make("sd0", 129, &name));
    CHECK(!device_make("disk", 1, &name)); /* diskp1 is a disk's name */
    CHECK(!device_make("sd0p1", 0, &name));
    CHECK(!device_make("a/b", 0, &name));
    CHECK(!device_make("", 0, &name));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_read();
    test_limits();
    test_make();
    return check_end();
}
