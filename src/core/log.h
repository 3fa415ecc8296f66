/*
 * log: one JSON object a line on standard output. Never a token, a password, a name or a number of
 * a person. Lines are gathered and written once per turn of the event loop, without blocking: when
 * the reader of the log does not keep up, lines are dropped and counted.
 */
#ifndef PARTYSTUDY_CORE_LOG_H
#define PARTYSTUDY_CORE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sets the level and the worker number that each line carries. */
void log_init(enum log_level level, int worker);

/* {"time":…,"level":…,"worker":…,"msg":…} with msg made by printf. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line that the caller has made (without the newline). */
void log_line(const char *json, size_t len);

/* Writes what was gathered. Called once per turn, and before exit. */
void log_flush(void);

/* Lines dropped so far. */
uint64_t log_dropped(void);

#endif
