/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bzip2's `make test` does with its program, a shell and cmp, done with its library and files: three samples are compressed
 * and come out as the compressed ones that are beside them, and those decompressed as the samples. Ours, not bzip2's.
 */
#include <bzlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    char *bytes;
    size_t size;
};

static struct file read_file(const char *folder, int number, const char *end)
{
    char path[256];
    struct file file = {NULL, 0};

    snprintf(path, sizeof(path), "%s/sample%d.%s", folder, number, end);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    file.size = (size_t)ftell(stream);
    file.bytes = malloc(file.size + 1);
    rewind(stream);
    if (file.bytes == NULL || fread(file.bytes, 1, file.size, stream) != file.size) {
        perror(path);
        exit(2);
    }
    fclose(stream);
    return file;
}

/* Through a file: what is written is what is read again. */
static int write_and_compare(const char *what, const char *bytes, size_t size, struct file wanted)
{
    FILE *stream = fopen("/tmp/sample", "w+b");
    char *again = malloc(size + 1);
    int same = stream != NULL && again != NULL && size == wanted.size &&
               fwrite(bytes, 1, size, stream) == size && fseek(stream, 0, SEEK_SET) == 0 &&
               fread(again, 1, size + 1, stream) == size && memcmp(again, wanted.bytes, size) == 0;

    if (stream != NULL)
        fclose(stream);
    free(again);
    printf("%s: %s\n", what, same ? "the same" : "FAILED");
    return same;
}

static int check(const char *folder, int number)
{
    const struct file plain = read_file(folder, number, "ref"),
                      packed = read_file(folder, number, "bz2");
    const unsigned room = (unsigned)plain.size + (unsigned)plain.size / 100 + 600;
    char what[64], *out = malloc(room);
    unsigned size = room;
    int good = out != NULL && BZ2_bzBuffToBuffCompress(out, &size, plain.bytes,
                                                       (unsigned)plain.size, number, 0, 0) == BZ_OK;

    snprintf(what, sizeof(what), "sample %d compressed by -%d", number, number);
    good = write_and_compare(what, out, good ? size : 0, packed) && good;
    size = room;
    good = BZ2_bzBuffToBuffDecompress(out, &size, packed.bytes, (unsigned)packed.size, number == 3,
                                      0) == BZ_OK &&
           good;
    snprintf(what, sizeof(what), "sample %d decompressed", number);
    good = write_and_compare(what, out, good ? size : 0, plain) && good;
    free(out);
    free(plain.bytes);
    free(packed.bytes);
    return good;
}

int main(int count, char **words)
{
    int good = 1;

    for (int number = 1; number <= 3; number++)
        good = check(count > 1 ? words[1] : "/samples", number) && good;
    puts(good ? "all samples are right" : "FAILED");
    return !good;
}
