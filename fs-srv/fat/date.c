/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates: days since 1980 as year, month and day, and the time of day in two seconds. There is no time zone in them; here they are UTC.
 */
#include "fat_impl.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

enum { DAYS_1980 = 3652 };

static bool is_leap(int year) /* 1980 to 2107 */
{
    return year % 4 == 0 && year != 2100;
}

static int days_of(int year, int month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

int64_t fat_time(uint16_t date, uint16_t time, uint8_t hundredths)
{
    const int year = 1980 + (date >> 9), month = date >> 5 & 15, day = date & 31;
    const int hour = time >> 11, minute = time >> 5 & 63, second = (time & 31) * 2;
    int64_t days = DAYS_1980;

    if (month < 1 || month > 12 || day < 1) /* nobody wrote it */
        return DAYS_1980 * DAY;
    for (int y = 1980; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (int m = 1; m < month; m++)
        days += days_of(year, m);
    days += day - 1;
    return days * DAY + (hour * 3600 + minute * 60 + second) * SECOND +
           (hundredths < 200 ? hundredths : 0) * (SECOND / 100);
}

void fat_date(int64_t time, uint16_t *date, uint16_t *clock, uint8_t *hundredths)
{
    static const int64_t last = (DAYS_1980 + 46751) * DAY - 1; /* 2107 */
    int64_t days;
    int year = 1980, month = 1;

    time = time < DAYS_1980 * DAY ? DAYS_1980 * DAY : time > last ? last : time;
    days = time / DAY - DAYS_1980;
    const int64_t hundredth = time % DAY / (SECOND / 100);
    const int second = (int)(hundredth / 100);
    for (; days >= (is_leap(year) ? 366 : 365); year++)
        days -= is_leap(year) ? 366 : 365;
    for (; days >= days_of(year, month); month++)
        days -= days_of(year, month);
    *date = (uint16_t)((year - 1980) << 9 | month << 5 | (int)(days + 1));
    *clock = (uint16_t)(second / 3600 << 11 | second / 60 % 60 << 5 | second % 60 / 2);
    *hundredths = (uint8_t)(hundredth % 200);
}
