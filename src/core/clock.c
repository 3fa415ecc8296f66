/*
 * clock: the machine's clocks, and times as text (RFC 3339, UTC). Entry points in clock.h.
 *
 * The calendar is computed here: gmtime and its kin take a lock and may open files, which a worker
 * must not do. Days are counted from 1970-01-01 in the Gregorian calendar, also before it began.
 */
#include "core/clock.h"

#include <string.h>
#include <time.h>

#define DAY_S       86400
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct date {
	int year;
	int month;
	int day;
};

/* ── the machine's clocks ───────────────────────────────────────────────────────────────────── */

static struct timespec read_clock(clockid_t id)
{
	struct timespec now = {0, 0};

	clock_gettime(id, &now); /* cannot fail for the clocks asked for here */
	return now;
}

uint64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

uint64_t clock_monotonic_us(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int64_t clock_unix(void)
{
	return read_clock(CLOCK_REALTIME).tv_sec;
}

int64_t clock_unix_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ── the calendar ───────────────────────────────────────────────────────────────────────────── */

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0001-01-01 to the first of January of `year`. */
static int64_t days_before_year(int year)
{
	int64_t past = year - 1;
	return past * 365 + past / 4 - past / 100 + past / 400;
}

#define DAYS_TO_1970 719162

static int64_t date_to_days(struct date date)
{
	int64_t days = days_before_year(date.year) - DAYS_TO_1970;

	for (int month = 1; month < date.month; month++)
		days += days_in_month(date.year, month);
	return days + date.day - 1;
}

/* `days` is 0 to that of 9999-12-31. */
static struct date date_from_days(int64_t days)
{
	struct date date = {1970 + (int)(days / 366), 1, 0}; /* never late, early by some years */

	while (days_before_year(date.year + 1) - DAYS_TO_1970 <= days)
		date.year++;
	int rest = (int)(days - (days_before_year(date.year) - DAYS_TO_1970));
	while (rest >= days_in_month(date.year, date.month))
		rest -= days_in_month(date.year, date.month++);
	date.day = rest + 1;
	return date;
}

/* ── writing ────────────────────────────────────────────────────────────────────────────────── */

static char *put_digits(char *to, int number, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		to[i] = (char)('0' + number % 10);
		number /= 10;
	}
	return to + digits;
}

static char *put(char *to, int number, int digits, char after)
{
	to = put_digits(to, number, digits);
	*to = after;
	return to + 1;
}

void clock_format(char out[CLOCK_TEXT], int64_t unix_ms)
{
	if (unix_ms < 0)
		unix_ms = 0;
	if (unix_ms > LAST_SECOND * 1000 + 999)
		unix_ms = LAST_SECOND * 1000 + 999;
	int64_t seconds = unix_ms / 1000;
	struct date date = date_from_days(seconds / DAY_S);
	int time = (int)(seconds % DAY_S);

	char *to = put(out, date.year, 4, '-');
	to = put(to, date.month, 2, '-');
	to = put(to, date.day, 2, 'T');
	to = put(to, time / 3600, 2, ':');
	to = put(to, time / 60 % 60, 2, ':');
	to = put(to, time % 60, 2, '.');
	to = put(to, (int)(unix_ms % 1000), 3, 'Z');
	*to = '\0';
}

/* ── reading ────────────────────────────────────────────────────────────────────────────────── */

struct reader {
	const char *at;
	const char *end;
	bool bad;
};

static char next(struct reader *r)
{
	return r->at < r->end ? *r->at++ : '\0';
}

static int digits(struct reader *r, int count)
{
	int number = 0;

	while (count-- > 0) {
		char c = next(r);
		if (c < '0' || c > '9') {
			r->bad = true;
			return 0;
		}
		number = number * 10 + (c - '0');
	}
	return number;
}

static void literal(struct reader *r, const char *either)
{
	char c = next(r);
	if (c == '\0' || strchr(either, c) == NULL)
		r->bad = true;
}

static bool between(int number, int low, int high)
{
	return number >= low && number <= high;
}

static struct date read_date(struct reader *r, int first_year)
{
	struct date date;

	date.year = digits(r, 4);
	literal(r, "-");
	date.month = digits(r, 2);
	literal(r, "-");
	date.day = digits(r, 2);
	if (r->bad || !between(date.year, first_year, 9999) || !between(date.month, 1, 12) ||
	    !between(date.day, 1, days_in_month(date.year, date.month)))
		r->bad = true;
	return date;
}

/* Seconds of the day; 86400 and more only for a leap second, which counts as the one after it. */
static int read_time(struct reader *r, bool *leap)
{
	int hour = digits(r, 2);
	literal(r, ":");
	int minute = digits(r, 2);
	literal(r, ":");
	int second = digits(r, 2);

	if (!between(hour, 0, 23) || !between(minute, 0, 59) || !between(second, 0, 60))
		r->bad = true;
	*leap = second == 60;
	return hour * 3600 + minute * 60 + second;
}

#define FRACTION_MAX 20 /* PostgreSQL rounds to 6; a bound, since nobody means more */

static void read_fraction(struct reader *r)
{
	int count = 0;

	if (r->at == r->end || *r->at != '.')
		return;
	r->at++;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
		r->at++;
		count++;
	}
	if (!between(count, 1, FRACTION_MAX))
		r->bad = true;
}

/*
 * Seconds east of UTC. 15:59 is as far as PostgreSQL goes; no zone on earth lies beyond 14 hours.
 */
static int read_zone(struct reader *r)
{
	char sign = next(r);

	if (sign == 'Z' || sign == 'z')
		return 0;
	if (sign != '+' && sign != '-') {
		r->bad = true;
		return 0;
	}
	int hour = digits(r, 2);
	literal(r, ":");
	int minute = digits(r, 2);
	if (!between(hour, 0, 15) || !between(minute, 0, 59))
		r->bad = true;
	int offset = hour * 3600 + minute * 60;
	return sign == '-' ? -offset : offset;
}

bool clock_timestamp_valid(const char *text, size_t len)
{
	struct reader r = {text, text + len, false};
	bool leap = false;

	struct date date = read_date(&r, 1970);
	literal(&r, "Tt");
	int time = read_time(&r, &leap);
	read_fraction(&r);
	int offset = read_zone(&r);
	if (r.bad || r.at != r.end)
		return false;
	/* The zone may carry it over either end of the years that we keep. */
	int64_t utc = date_to_days(date) * DAY_S + time - offset;
	if (utc < 0 || utc > LAST_SECOND)
		return false;
	return !leap || utc % DAY_S == 0; /* leap seconds come at the end of a UTC day */
}

bool clock_date_valid(const char *text, size_t len)
{
	struct reader r = {text, text + len, false};

	read_date(&r, 1800);
	return !r.bad && r.at == r.end;
}
