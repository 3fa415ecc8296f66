/* clock: times as the API writes them (RFC 3339, UTC) and the two clocks of the machine. */
#ifndef PARTYSTUDY_CORE_CLOCK_H
#define PARTYSTUDY_CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 32

/* Milliseconds that only go forward; for deadlines. */
uint64_t clock_monotonic_ms(void);
/* Microseconds that only go forward; for measuring. */
uint64_t clock_monotonic_us(void);
/* Seconds since 1970. */
int64_t clock_unix(void);
/* Milliseconds since 1970. */
int64_t clock_unix_ms(void);
/* 2026-11-23T12:24:03.123Z */
void clock_format(char out[CLOCK_TEXT], int64_t unix_ms);

/* True when `text` is an RFC 3339 date-time with a zone, of a day that exists, year 1970 to 9999. */
bool clock_timestamp_valid(const char *text, size_t len);
/* True when `text` is YYYY-MM-DD and such a day exists, year 1800 to 9999. */
bool clock_date_valid(const char *text, size_t len);

#endif
