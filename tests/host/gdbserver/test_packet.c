/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of GDB's protocol: read byte by byte, written, and what stands in them.
 */
#include "check.h"
#include <packet.h>

static struct packet_reader reader;
static struct packet_writer writer;

/* The last event that these bytes are. */
static enum packet_event take(const char *bytes, size_t size)
{
    enum packet_event event = PACKET_NOTHING;
    for (size_t i = 0; i < size; i++)
        event = packet_take(&reader, (uint8_t)bytes[i]);
    return event;
}

static enum packet_event take_text(const char *text)
{
    return take(text, strlen(text));
}

static void test_reading(void)
{
    CHECK_EQ(take_text("$m400000,4#fb"), PACKET_DAMAGED);
    CHECK_EQ(take_text("$OK#9a"), PACKET_CAME);
    CHECK(reader.length == 2 && strcmp(reader.content, "OK") == 0);
    CHECK_EQ(take_text("$#00"), PACKET_CAME);
    CHECK_EQ(reader.length, 0);
    CHECK_EQ(take_text("noise\n$?#3F"), PACKET_CAME);
    CHECK_EQ(take_text("+"), PACKET_WELL);
    CHECK_EQ(take_text("-"), PACKET_AGAIN);
    CHECK_EQ(take_text("\x03"), PACKET_INTERRUPT);
    CHECK_EQ(take_text("$lost$?#3f"), PACKET_CAME); /* its end was lost */
    CHECK(strcmp(reader.content, "?") == 0);
    CHECK_EQ(take_text("$?#zz"), PACKET_NOTHING); /* after what was damaged */
    CHECK_EQ(take_text("$X}\x03}]#b2"), PACKET_CAME);
    CHECK(reader.length == 3 && memcmp(reader.content, "X#}", 3) == 0);
}

/* One that is too long is refused, and the next one is read. */
static void test_length(void)
{
    for (size_t size = PACKET_MAX - 1; size <= PACKET_MAX + 2; size++) {
        uint8_t sum = 0;
        char end[4];
        CHECK_EQ(take_text("$"), PACKET_NOTHING);
        for (size_t i = 0; i < size; i++, sum += 'a')
            CHECK_EQ(take_text("a"), PACKET_NOTHING);
        snprintf(end, sizeof(end), "#%02x", sum);
        CHECK_EQ(take_text(end), size <= PACKET_MAX ? PACKET_CAME : PACKET_DAMAGED);
        CHECK_EQ(take_text("$OK#9a"), PACKET_CAME);
    }
}

static void test_writing(void)
{
    packet_begin(&writer);
    packet_text(&writer, "a#b$c*d}");
    packet_number(&writer, 0);
    packet_number(&writer, 0x1f0);
    packet_number(&writer, UINT64_MAX);
    packet_bytes(&writer, "\x00\xfe", 2);
    packet_end(&writer);
    CHECK(!writer.full);
    CHECK_EQ(take(writer.bytes, writer.length), PACKET_CAME);
    CHECK(strcmp(reader.content, "a#b$c*d}01f0ffffffffffffffff00fe") == 0);
}

/* What has no room is left out; what is sent is a packet all the same. */
static void test_full(void)
{
    for (unsigned lead = PACKET_MAX - 3; lead <= PACKET_MAX + 1; lead++) {
        packet_begin(&writer);
        for (unsigned i = 0; i < lead; i++)
            packet_text(&writer, "x");
        packet_text(&writer, "#");
        packet_bytes(&writer, "ab", 2);
        CHECK(writer.full);
        packet_end(&writer);
        CHECK(writer.length <= sizeof(writer.bytes));
        CHECK_EQ(take(writer.bytes, writer.length), PACKET_CAME);
    }
}

static void test_cursor(void)
{
    static const char text[] = "1fz,ABcd0g1234567890123456712345678901234567";
    struct packet_cursor c = {text, text + sizeof(text) - 1};
    uint8_t bytes[4];
    uint64_t number;
    CHECK(packet_get_number(&c, &number) && number == 0x1f);
    CHECK(!packet_get_number(&c, &number) && packet_skip(&c, "z,") && !packet_skip(&c, "x"));
    CHECK(packet_get_bytes(&c, bytes, 2) && bytes[0] == 0xab && bytes[1] == 0xcd);
    CHECK(!packet_get_bytes(&c, bytes, 1) && packet_skip(&c, "0g"));
    CHECK(!packet_get_number(&c, &number)); /* too long */
    c.at = c.end - 1;
    CHECK(!packet_get_bytes(&c, bytes, 1) && !packet_skip(&c, "77") && packet_skip(&c, "7"));
    CHECK(!packet_get_number(&c, &number) && packet_get_bytes(&c, bytes, 0));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_reading();
    test_length();
    test_writing();
    test_full();
    test_cursor();
    return check_end();
}
