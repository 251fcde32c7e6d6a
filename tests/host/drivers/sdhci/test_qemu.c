/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SD driver's logic on QEMU's controllers and card, without a system: QEMU's CPU sleeps in WFI, this program makes the accesses
 * (QEMU's qtest protocol). A second opinion on the simulation, from another hand.
 *
 *      test_qemu QEMU pci|emmc1|emmc2
 *
 * Blocks of every size go out and come back, by DMA where there is some; the driver dies at random accesses and a new one is
 * started; at the end the image file is read, for what was flushed has to be there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../check.h"
#include "sd.h"

enum {
    RAM = 64 << 20,
    RAM_BUS = 0x40000000,
    TABLE = 16384,
    BLOCKS = 4096, /* of the card that are used */
    KILLS = 8,     /* a card; WHARF_RUNS: another number */
    LINE = 0,
};

struct bench {
    struct simulated_device device; /* first */
    struct device_environment environment;
    const char *name;
    const struct sdhci_kind *kind;
    uint64_t base; /* of the registers */
    FILE *to, *from;
    pid_t pid;
    uint8_t *memory;
    uint64_t kill_at, accesses;
    jmp_buf killed;
    bool says;
};

static struct bench bench;
static volatile uint64_t generation[BLOCKS];

/* ---- The protocol: a line, and a line back ---- */

static uint64_t ask(const char *format, ...)
{
    char line[200];
    va_list arguments;

    va_start(arguments, format);
    vfprintf(bench.to, format, arguments);
    va_end(arguments);
    fputc('\n', bench.to);
    fflush(bench.to);
    do
        CHECK(fgets(line, sizeof(line), bench.from) != NULL);
    while (strncmp(line, "IRQ", 3) == 0);
    if (strncmp(line, "OK", 2) != 0)
        fprintf(stderr, "QEMU says: %s", line);
    CHECK(strncmp(line, "OK", 2) == 0);
    return strtoull(line + 2, NULL, 0);
}

static char width_letter(unsigned width)
{
    return width == 4 ? 'l' : width == 2 ? 'w' : 'b';
}

static void count_access(void)
{
    if (bench.kill_at != 0 && ++bench.accesses == bench.kill_at)
        longjmp(bench.killed, 1);
}

static uint32_t qemu_read(struct simulated_device *device, uint32_t offset, unsigned width)
{
    (void)device;
    count_access();
    return (uint32_t)ask("read%c 0x%llx", width_letter(width),
                         (unsigned long long)bench.base + offset);
}

static void qemu_write(struct simulated_device *device, uint32_t offset, unsigned width,
                       uint32_t value)
{
    (void)device;
    count_access();
    (void)ask("write%c 0x%llx 0x%x", width_letter(width), (unsigned long long)bench.base + offset,
              value);
}

/* ---- The environment ---- */

static uint64_t now(void *context)
{
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * DEVICE_SECOND + (uint64_t)t.tv_nsec;
}

static void sleep_until(void *context, uint64_t moment)
{
    uint64_t left = now(context);

    left = moment > left ? moment - left : 0;
    if (left > 20 * DEVICE_MICROSECOND)
        (void)usleep((useconds_t)(left / 1000));
}

static uint32_t peek(uint32_t offset)
{
    return (uint32_t)ask("readl 0x%llx", (unsigned long long)bench.base + offset);
}

static bool wait_interrupt(void *context, unsigned line, uint64_t deadline)
{
    (void)context;
    CHECK_EQ(line, LINE);
    for (;;) {
        if ((peek(SDHCI_STATUS) & peek(SDHCI_SIGNAL)) != 0)
            return true;
        if (now(context) >= deadline)
            return false;
        (void)usleep(20);
    }
}

static void log_line(void *context, const char *format, ...)
{
    va_list arguments;

    (void)context;
    if (!bench.says)
        return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* ---- QEMU ---- */

static void run_qemu(const char *qemu, const char *image, const char *ram, int in, int out)
{
    char drive[300], memory[300];

    snprintf(drive, sizeof(drive), "if=%s,id=d,format=raw,file=%s",
             strcmp(bench.name, "emmc1") == 0 ? "sd" : "none", image);
    snprintf(memory, sizeof(memory), "memory-backend-file,id=m,size=%d,mem-path=%s,share=on", RAM,
             ram);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a failed check */
    dup2(in, 0);
    dup2(out, 1);
    if (strcmp(bench.name, "pci") == 0)
        execlp(qemu, qemu, "-M", "virt,highmem=off,memory-backend=m", "-m", "64M", "-object",
               memory, "-nodefaults", "-display", "none", "-kernel", "sdhci-wfi.bin", "-qtest",
               "stdio", "-qtest-log", "/dev/null", "-drive", drive, "-device", "sdhci-pci,addr=1",
               "-device", "sd-card,drive=d", NULL);
    else if (strcmp(bench.name, "emmc1") == 0)
        execlp(qemu, qemu, "-M", "raspi4b", "-display", "none", "-serial", "none", "-monitor",
               "none", "-kernel", "sdhci-wfi.bin", "-qtest", "stdio", "-qtest-log", "/dev/null",
               "-drive", drive, NULL);
    else
        execlp(qemu, qemu, "-M", "raspi4b", "-display", "none", "-serial", "none", "-monitor",
               "none", "-kernel", "sdhci-wfi.bin", "-qtest", "stdio", "-qtest-log", "/dev/null",
               "-drive", drive, "-device", "sd-card,drive=d,bus=/generic-sdhci/sd-bus", NULL);
    _exit(127);
}

static int make_file(const char *name, off_t size)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0);
    CHECK_EQ(ftruncate(fd, size), 0);
    return fd;
}

/* What its CPU does: nothing. */
static void make_kernel(void)
{
    static const uint32_t code[] = {0xd503207f /* wfi */, 0x17ffffff /* b .-4 */};
    int fd = make_file("sdhci-wfi.bin", 0);

    CHECK_EQ(write(fd, code, sizeof(code)), sizeof(code));
    close(fd);
}

static void start_qemu(const char *qemu, const char *image, const char *ram)
{
    int down[2], up[2];

    CHECK(pipe(down) == 0 && pipe(up) == 0);
    bench.pid = fork();
    CHECK(bench.pid >= 0);
    if (bench.pid == 0) {
        close(down[1]);
        close(up[0]);
        run_qemu(qemu, image, ram, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    bench.to = fdopen(down[1], "w");
    bench.from = fdopen(up[0], "r");
    CHECK(bench.to != NULL && bench.from != NULL);
}

/* Gives the controller its registers and the right to DMA, as the PCI host driver does. */
static void set_up_pci(void)
{
    const uint64_t config = 0x3f000000 + (1 << 15);

    CHECK_EQ(ask("readl 0x%llx", (unsigned long long)config), 0x00071b36);
    (void)ask("writel 0x%llx 0x%llx", (unsigned long long)config + 0x10,
              (unsigned long long)bench.base);
    (void)ask("writew 0x%llx 0x6", (unsigned long long)config + 4);
}

/* ---- Work ---- */

static void fill(uint8_t *at, uint64_t block, uint64_t g)
{
    uint64_t words[CARD_BLOCK / 8];

    for (unsigned i = 0; i < CARD_BLOCK / 8; i++)
        words[i] = (block * 64 + i) * UINT64_C(0x9e3779b97f4a7c15) + g;
    memcpy(at, words, CARD_BLOCK);
}

static bool is(const uint8_t *at, uint64_t block, uint64_t g)
{
    uint8_t expected[CARD_BLOCK] = {0};

    if (g != 0)
        fill(expected, block, g);
    return memcmp(at, expected, CARD_BLOCK) == 0;
}

static kern_return_t start(struct sd *sd)
{
    struct sd_config config = {
        .kind = bench.kind,
        .registers = {&bench.device, 0},
        .line = LINE,
        .table = {bench.memory, RAM_BUS, TABLE},
        .base_clock = bench.kind == &sdhci_kind_pci ? 0 : 50000000,
    };

    return sd_start(sd, &config, &bench.environment);
}

static kern_return_t move(struct sd *sd, bool write, uint64_t block, uint32_t count)
{
    static struct dma_segment segments[300];
    struct block_transfer t = {.write = write,
                               .block = block,
                               .count = count,
                               .at = bench.memory + TABLE,
                               .segments = segments};

    for (uint64_t at = 0; at < (uint64_t)count * CARD_BLOCK; at += 4096) {
        uint64_t left = (uint64_t)count * CARD_BLOCK - at;

        segments[t.segment_count++] =
            (struct dma_segment){RAM_BUS + TABLE + at, left < 4096 ? left : 4096};
    }
    return sd_transfer(sd, &t);
}

static void write_blocks(struct sd *sd, uint64_t block, uint32_t count, uint64_t g)
{
    for (uint32_t i = 0; i < count; i++)
        fill(bench.memory + TABLE + (size_t)i * CARD_BLOCK, block + i, g);
    CHECK_EQ(move(sd, true, block, count), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        generation[block + i] = g;
}

static void check_blocks(struct sd *sd, uint64_t block, uint32_t count, uint64_t unanswered)
{
    memset(bench.memory + TABLE, 0xdd, (size_t)count * CARD_BLOCK);
    CHECK_EQ(move(sd, false, block, count), KERN_SUCCESS);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = bench.memory + TABLE + (size_t)i * CARD_BLOCK;

        CHECK(is(at, block + i, generation[block + i]) ||
              (unanswered != 0 && is(at, block + i, unanswered)));
    }
}

static void use(struct sd *sd)
{
    uint32_t largest = sd->host.can_adma ? 2047 : 15;

    CHECK_EQ(start(sd), KERN_SUCCESS);
    CHECK_EQ(sd->state, SD_MEDIUM_READY);
    for (uint32_t count = 1; count <= largest; count = count * 2 + 1) {
        write_blocks(sd, count, count, count);
        check_blocks(sd, count, count, 0);
    }
    CHECK_EQ(sd->statistics.retries, 0);
    write_blocks(sd, 7, 1, 99);
    CHECK_EQ(sd_flush(sd), KERN_SUCCESS);
    CHECK_EQ(sd_check_medium(sd), false);
}

/* A card that claims to be larger than it is: QEMU's says so, and its controller never ends the transfer. */
static void read_beyond(struct sd *sd)
{
    uint64_t blocks = sd->card.csd.blocks, before = now(NULL);

    sd->card.csd.blocks *= 2;
    CHECK_EQ(move(sd, false, blocks + 5, 8), KERN_MEMORY_ERROR);
    CHECK_EQ(move(sd, true, blocks + 5, 1), KERN_MEMORY_ERROR);
    CHECK(now(NULL) - before < 3 * DEVICE_SECOND); /* not a transfer's time-out for each try */
    sd->card.csd.blocks = blocks;
    check_blocks(sd, 1, 16, 0);
}

static void die_and_live(struct sd *sd)
{
    const char *runs = getenv("WHARF_RUNS");
    unsigned kills = runs != NULL ? (unsigned)strtoul(runs, NULL, 0) : KILLS;
    volatile uint64_t g = 1000;
    uint32_t most = bench.kind == &sdhci_kind_pci ? 2000 : 6000;

    for (volatile unsigned n = 0; n < kills; n++) {
        uint64_t block = 100 + check_below(200);
        uint32_t count = 1 + (uint32_t)check_below(20);

        g = g + 1;
        bench.accesses = 0;
        bench.kill_at = 1 + check_below(n % 2 == 0 ? 300 : most);
        if (setjmp(bench.killed) == 0) {
            CHECK_EQ(start(sd), KERN_SUCCESS);
            for (unsigned i = 0; i < 200; i++)
                write_blocks(sd, block, count, g);
        }
        log_line(NULL, "killed at access %llu", (unsigned long long)bench.accesses);
        bench.kill_at = 0;
        CHECK_EQ(start(sd), KERN_SUCCESS);
        CHECK_EQ(sd->state, SD_MEDIUM_READY);
        check_blocks(sd, 90, 240, g);
        write_blocks(sd, block, count, g); /* so that it is known again what is there */
    }
}

static void check_image(int image)
{
    uint8_t block[CARD_BLOCK];

    for (uint64_t i = 0; i < BLOCKS; i++) {
        CHECK_EQ(pread(image, block, sizeof(block), (off_t)(i * CARD_BLOCK)), sizeof(block));
        CHECK(is(block, i, generation[i]));
    }
}

static void test_card(const char *qemu, off_t size)
{
    static struct sd sd;
    char image[64], ram[64];
    int image_file, ram_file, status;

    snprintf(image, sizeof(image), "sdhci-%s-%d.img", bench.name, (int)getpid());
    snprintf(ram, sizeof(ram), "sdhci-%s-%d.ram", bench.name, (int)getpid());
    image_file = make_file(image, size);
    ram_file = make_file(ram, RAM);
    bench.memory = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file, 0);
    CHECK(bench.memory != MAP_FAILED);
    memset((void *)generation, 0, sizeof(generation));
    start_qemu(qemu, image, ram);
    (void)ask("readl 0x0"); /* it has opened its files */
    unlink(image);
    unlink(ram);
    if (bench.kind == &sdhci_kind_pci)
        set_up_pci();
    use(&sd);
    CHECK_EQ(sd.card.csd.blocks * CARD_BLOCK, size);
    CHECK_EQ(sd.card.block_addresses, size > INT64_C(2) << 30);
    read_beyond(&sd);
    die_and_live(&sd);
    sd_stop(&sd);
    check_image(image_file);
    CHECK_EQ(kill(bench.pid, SIGKILL), 0); /* it does not end by itself */
    fclose(bench.to);
    CHECK_EQ(waitpid(bench.pid, &status, 0), bench.pid);
    fclose(bench.from);
    munmap(bench.memory, RAM);
    close(image_file);
    close(ram_file);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    CHECK(argc >= 3);
    bench.device = (struct simulated_device){qemu_read, qemu_write};
    bench.environment =
        (struct device_environment){NULL, now, sleep_until, wait_interrupt, log_line};
    bench.name = argv[2];
    bench.says = getenv("WHARF_TELL") != NULL;
    if (bench.says)
        setvbuf(stdout, NULL, _IOLBF, 0);
    bench.kind = strcmp(argv[2], "pci") == 0     ? &sdhci_kind_pci
                 : strcmp(argv[2], "emmc1") == 0 ? &sdhci_kind_arasan
                                                 : &sdhci_kind_emmc2;
    bench.base = strcmp(argv[2], "pci") == 0     ? 0x10000000
                 : strcmp(argv[2], "emmc1") == 0 ? 0xfe300000
                                                 : 0xfe340000;
    make_kernel();
    test_card(argv[1], 64 << 20);
    test_card(argv[1], INT64_C(4) << 30);
    return check_end();
}
