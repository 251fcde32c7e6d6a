/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What GDB says and what is answered, packet by packet, on a target of this machine.
 */
#include "check.h"
#include "fake_target.h"

static struct fake_target fake;
static struct remote remote;

static void begin(bool attached)
{
    const struct remote_stop stop = {REMOTE_STOPPED, REMOTE_SIGTRAP, FAKE_FIRST};
    fake = (struct fake_target){0};
    for (unsigned i = 0; i < FAKE_MEMORY; i++)
        fake.memory[i] = (uint8_t)i;
    for (unsigned i = 0; i < FAKE_THREADS; i++) {
        fake.registers[i].general.x[0] = i;
        fake.registers[i].general.pc = FAKE_BASE;
    }
    remote_init(&remote, &fake_operations, &fake, attached, &stop);
}

static void say_bytes(const char *bytes)
{
    fake.size = 0;
    fake.sent[0] = '\0';
    remote_input(&remote, bytes, strlen(bytes));
}

/* A packet, well made. */
static void say(const char *content)
{
    static char packet[PACKET_MAX + 5];
    uint8_t sum = 0;
    for (const char *c = content; *c; c++)
        sum += (uint8_t)*c;
    snprintf(packet, sizeof(packet), "$%s#%02x", content, sum);
    say_bytes(packet);
}

/* What is answered to a packet, without acknowledgement and frame; "(nothing)" where nothing is. */
static const char *answer_to(const char *content)
{
    static char text[FAKE_SENT];
    say(content);
    const char *at = fake.sent[0] == '+' ? fake.sent + 1 : fake.sent;
    if (*at == '\0')
        return "(nothing)";
    CHECK(at[0] == '$' && strlen(at) >= 4 && at[strlen(at) - 3] == '#');
    snprintf(text, sizeof(text), "%.*s", (int)strlen(at) - 4, at + 1);
    return text;
}

static void test_questions(void)
{
    begin(false);
    CHECK(strstr(answer_to("qSupported:swbreak+"), "vContSupported+") != NULL);
    CHECK_TEXT(answer_to("?"), "T05thread:5;");
    CHECK_TEXT(answer_to("vCont?"), "vCont;c;C;s;S");
    CHECK_TEXT(answer_to("vMustReplyEmpty"), "");
    CHECK_TEXT(answer_to("x"), "");
    CHECK_TEXT(answer_to(""), "");
    CHECK_TEXT(answer_to("qAttached"), "0");
    CHECK_TEXT(answer_to("qC"), "QC5");
    CHECK_TEXT(answer_to("qfThreadInfo"), "m5,6,7");
    CHECK_TEXT(answer_to("qsThreadInfo"), "l");
    CHECK_TEXT(answer_to("T6"), "OK");
    CHECK_TEXT(answer_to("T8"), "E01");
    CHECK_TEXT(answer_to("T100000006"), "E01");
    CHECK_TEXT(answer_to("T0"), "E01");
    begin(true);
    CHECK_TEXT(answer_to("qAttached"), "1");
}

static void test_acknowledgements(void)
{
    begin(false);
    say("qC");
    CHECK_TEXT(fake.sent, "+$QC5#c9");
    say_bytes("-");
    CHECK_TEXT(fake.sent, "$QC5#c9");
    say_bytes("$qC#00");
    CHECK_TEXT(fake.sent, "-");
    say("QStartNoAckMode");
    CHECK_TEXT(fake.sent, "+$OK#9a");
    say("qC");
    CHECK_TEXT(fake.sent, "$QC5#c9");
    say_bytes("$qC#00");
    CHECK_TEXT(fake.sent, "");
}

static void test_memory(void)
{
    begin(false);
    CHECK_TEXT(answer_to("m400010,4"), "10111213");
    CHECK_TEXT(answer_to("m400010,0"), "");
    CHECK_TEXT(answer_to("m4000fe,4"), "E01");
    CHECK_TEXT(answer_to("m400010"), "E01");
    CHECK_TEXT(answer_to("m400010,7d1"), "E01");
    CHECK_TEXT(answer_to("mffffffffffffffff,4"), "E01");
    CHECK_TEXT(answer_to("M400010,2:abcd"), "OK");
    CHECK(fake.memory[16] == 0xab && fake.memory[17] == 0xcd);
    CHECK_TEXT(answer_to("M400010,2:ab"), "E01");
    CHECK_TEXT(answer_to("M400010,2:abcdef"), "E01");
    CHECK_TEXT(answer_to("M400010,2:abxx"), "E01");
    CHECK_TEXT(answer_to("Z0,400020,4"), "OK");
    CHECK_EQ(fake.breakpoint, 0x400020);
    CHECK_TEXT(answer_to("z0,400024,4"), "E01");
    CHECK_TEXT(answer_to("z0,400020,4"), "OK");
    CHECK_TEXT(answer_to("Z1,400020,4"), ""); /* there are no such */
    CHECK_TEXT(answer_to("Z0"), "E01");
}

static void test_registers(void)
{
    enum { BYTES = 33 * 8 + 4 + 32 * 16 + 8 };
    begin(false);
    const char *all = answer_to("g");
    CHECK_EQ(strlen(all), 2 * BYTES);
    CHECK(memcmp(all + (size_t)32 * 16, "0000400000000000", 16) == 0); /* pc */
    CHECK_TEXT(answer_to("Hg7"), "OK");
    CHECK_TEXT(answer_to("p0"), "0200000000000000");
    CHECK_TEXT(answer_to("p21"), "00000000");
    CHECK_TEXT(answer_to("p44"), "E01");
    CHECK_TEXT(answer_to("P1f=1000ff0f00000000"), "OK");
    CHECK_EQ(fake.registers[2].general.sp, 0xfff0010);
    CHECK_TEXT(answer_to("P22=000102030405060708090a0b0c0d0e0f"), "OK");
    CHECK_EQ(fake.registers[2].fp.v[0][1], 0x0f0e0d0c0b0a0908);
    CHECK_TEXT(answer_to("P0=00"), "E01");
    CHECK_TEXT(answer_to("P0=000000000000000000"), "E01");
    CHECK_TEXT(answer_to("P0"), "E01");
    CHECK_TEXT(answer_to("G00"), "E01");
    CHECK_TEXT(answer_to("Hg8"), "E01");
    CHECK_TEXT(answer_to("Hg0"), "OK");
    CHECK_TEXT(answer_to("p0"), "0000000000000000");
    CHECK_TEXT(answer_to("Hx5"), "E01");
    static char packet[2 * BYTES + 2] = "G";
    for (unsigned i = 0; i < 2 * BYTES; i++)
        packet[1 + i] = (char)('0' + i % 10);
    CHECK_TEXT(answer_to(packet), "OK");
    CHECK_TEXT(answer_to("g"), packet + 1);
}

static void stops(enum remote_end how, uint8_t value, uint32_t thread)
{
    const struct remote_stop stop = {how, value, thread};
    fake.running = false;
    fake.size = 0;
    remote_stopped(&remote, &stop);
}

static void test_running(void)
{
    begin(false);
    CHECK_TEXT(answer_to("c"), "(nothing)");
    CHECK(fake.running && fake.run.step == 0 && fake.run.others && fake.run.signal == 0);
    stops(REMOTE_STOPPED, REMOTE_SIGTRAP, 6);
    CHECK_TEXT(fake.sent, "$T05thread:6;#dc");
    CHECK_TEXT(answer_to("p0"), "0100000000000000"); /* of the one that stopped */
    CHECK_TEXT(answer_to("vCont;s:6;c"), "(nothing)");
    CHECK(fake.run.step == 6 && fake.run.others);
    stops(REMOTE_STOPPED, REMOTE_SIGTRAP, 6);
    CHECK_TEXT(answer_to("vCont;s:6"), "(nothing)");
    CHECK(fake.run.step == 6 && !fake.run.others);
    stops(REMOTE_STOPPED, REMOTE_SIGSEGV, 7);
    CHECK_TEXT(answer_to("vCont;C0b:7;c"), "(nothing)");
    CHECK(fake.run.step == 0 && fake.run.others && fake.run.signal == 11 &&
          fake.run.signal_thread == 7);
    say_bytes("\x03");
    CHECK(!fake.running && fake.interrupts == 1);
    CHECK_TEXT(fake.sent, "$T02thread:5;#d8");
    CHECK_TEXT(answer_to("s"), "(nothing)");
    CHECK(fake.run.step == 5 && !fake.run.others);
    stops(REMOTE_STOPPED, REMOTE_SIGTRAP, 5);
    CHECK_TEXT(answer_to("C0b"), "(nothing)");
    CHECK(fake.run.signal == 11 && fake.run.signal_thread == 5);
    stops(REMOTE_STOPPED, REMOTE_SIGTRAP, 5);
    for (const char *const *bad =
             (const char *const[]){"vCont", "vCont;", "vCont;x", "vCont;c:9", "vCont;C", "vCont;c5",
                                   "C", "c400000", NULL};
         *bad; bad++)
        CHECK_TEXT(answer_to(*bad), "E01");
    say_bytes("\x03"); /* it does not run */
    CHECK_TEXT(fake.sent, "");
    fake.refuse = true;
    CHECK_TEXT(answer_to("c"), "T0bthread:7;");
}

/* Another GDB comes while it runs. */
static void test_another(void)
{
    begin(false);
    say("c");
    CHECK(strstr(answer_to("qSupported"), "PacketSize") != NULL);
    CHECK(!fake.running && fake.interrupts == 1);
    CHECK_TEXT(answer_to("?"), "T02thread:5;");
}

static void test_ends(void)
{
    begin(false);
    say("c");
    stops(REMOTE_EXITED, 7, 0);
    CHECK_TEXT(fake.sent, "$W07#be");
    CHECK_TEXT(answer_to("c"), "W07"); /* it does not run any more */
    begin(false);
    CHECK_TEXT(answer_to("D"), "OK");
    CHECK(fake.detached && remote.over);
    CHECK_TEXT(answer_to("qC"), "(nothing)");
    begin(false);
    CHECK_TEXT(answer_to("k"), "(nothing)");
    CHECK(fake.killed && remote.over);
    begin(false);
    CHECK_TEXT(answer_to("vKill;1"), "OK");
    CHECK(fake.killed);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_questions();
    test_acknowledgements();
    test_memory();
    test_registers();
    test_running();
    test_another();
    test_ends();
    return check_end();
}
