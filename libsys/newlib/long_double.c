/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to long double, in place of newlib's, which makes the ten bytes of another processor of it.
 * Here a long double is IEEE binary128: sign, 15 bits of exponent, 112 of fraction. newlib converts
 * for any format, to an integer and a power of two; this describes the format and puts the result
 * together. It is done in integer registers, so it can be part of libsys.
 */
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <sys/reent.h>

enum {
    PRECISION = 113, /* bits, the leading one included */
    BIAS = 16383,
    EXPONENT_MAX = 0x7fff, /* as stored: infinities and what is no number */
    TO_NEAREST = 1,
};

/* newlib's description of a format; the exponents are those of the last bit. */
struct float_format {
    int bits;
    int exponent_least;
    int exponent_most;
    int rounding;
    int sudden_underflow;
};

/* newlib's verdict on a text. */
enum kind {
    KIND_ZERO = 0,
    KIND_NORMAL = 1,
    KIND_DENORMAL = 2,
    KIND_INFINITE = 3,
    KIND_NAN = 4,
    KIND_NAN_BITS = 5,
    KIND_MASK = 15,
    KIND_NEGATIVE = 0x100,
};

int _strtodg_l(struct _reent *, const char *text, char **end, struct float_format *format,
               int32_t *exponent, uint32_t *bits, locale_t locale);
int _strtorx_l(struct _reent *reent, const char *text, char **end, int rounding, void *result,
               locale_t locale);

int _strtorx_l(struct _reent *reent, const char *text, char **end, int rounding, void *result,
               locale_t locale)
{
    struct float_format format = {
        .bits = PRECISION,
        .exponent_least = 1 - BIAS - (PRECISION - 1),
        .exponent_most = EXPONENT_MAX - 1 - BIAS - (PRECISION - 1),
        .rounding = TO_NEAREST,
    };
    uint32_t bits[4] = {0};
    int32_t exponent = 0;
    uint64_t stored = 0; /* exponent */
    int kind = _strtodg_l(reent, text, end, &format, &exponent, bits, locale);

    (void)rounding; /* newlib's callers ask for truncation */
    switch ((enum kind)(kind & KIND_MASK)) {
    case KIND_NORMAL: stored = (uint64_t)(exponent + BIAS + PRECISION - 1); break;
    case KIND_DENORMAL: break;
    case KIND_INFINITE:
        stored = EXPONENT_MAX;
        memset(bits, 0, sizeof(bits));
        break;
    case KIND_NAN:
    case KIND_NAN_BITS:
        stored = EXPONENT_MAX;
        bits[3] |= 1u << 15; /* quiet */
        break;
    default: memset(bits, 0, sizeof(bits)); break;
    }
    /* The leading one of a normal number is not stored. */
    uint64_t number[2] = {
        bits[0] | (uint64_t)bits[1] << 32,
        bits[2] | (uint64_t)(bits[3] & 0xffff) << 32 | stored << 48 |
            (uint64_t)((kind & KIND_NEGATIVE) != 0) << 63,
    };

    memcpy(result, number, sizeof(number));
    return kind;
}
