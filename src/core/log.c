/*
 * log: JSON lines on standard output. Entry points in log.h.
 *
 * Lines wait in a fixed buffer until the turn's flush. Whoever reads the other end may be slow or
 * stopped (a terminal, a pipe into a stuck process): then the buffer fills up, further lines are
 * dropped and counted, and a line says how many once there is room again.
 *
 * Standard output is shared with other processes, so its description must not become non-blocking.
 * For a pipe or a terminal we open it anew through /proc, with a description of our own; where that
 * fails poll() decides, and no piece is longer than PIPE_BUF: a pipe that is writable takes that
 * much. Pieces end at line ends, so that the workers' lines do not mix.
 *
 * For the event loop's thread only.
 */
#include "core/log.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/jsonw.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_BYTES   ((size_t)256 * 1024)
#define MESSAGE_MAX 2048
#define LINE_BYTES  (MESSAGE_MAX * 6 + 128) /* every byte escaped, and what is around it */

static struct {
	char bytes[LOG_BYTES];
	size_t from; /* written up to here */
	size_t to;
} gathered;

static struct {
	enum log_level level;
	int worker;
	int fd; /* our own description of standard output, or standard output itself */
	uint64_t dropped;
	uint64_t dropped_told;
	pid_t owner; /* whose lines `gathered` holds */
	struct buf line;
} state = {.level = LOG_LEVEL_INFO, .fd = STDOUT_FILENO};

static int open_own(void)
{
	struct stat what;

	/* A file would need its offset shared, a socket cannot be opened. */
	if (fstat(STDOUT_FILENO, &what) != 0 || !(S_ISFIFO(what.st_mode) || S_ISCHR(what.st_mode)))
		return STDOUT_FILENO;
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd >= 0 ? fd : STDOUT_FILENO;
}

void log_init(enum log_level level, int worker)
{
	pid_t self = getpid();

	if (state.owner == 0)
		state.owner = self;
	if (state.owner != self) { /* after a fork: the parent writes its lines itself */
		gathered.from = 0;
		gathered.to = 0;
		state.dropped = 0;
		state.dropped_told = 0;
		state.owner = self;
	}
	if (state.fd != STDOUT_FILENO)
		close(state.fd);
	state.fd = open_own();
	state.level = level;
	state.worker = worker;
	buf_reset(&state.line);
	buf_reserve(&state.line, LINE_BYTES); /* so that a line about lost memory needs none */
}

/* ── writing ────────────────────────────────────────────────────────────────────────────────── */

static bool is_writable(void)
{
	struct pollfd p = {.fd = state.fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1; /* POLLERR too: the write then says what is wrong */
}

/* How much to write at once: whole lines if one fits. */
static size_t piece(const char *from, size_t len)
{
	if (len <= PIPE_BUF)
		return len;
	const char *end = memrchr(from, '\n', PIPE_BUF);
	return end != NULL ? (size_t)(end - from) + 1 : PIPE_BUF;
}

/* Nobody will ever read these. */
static void give_up(void)
{
	for (size_t i = gathered.from; i < gathered.to; i++)
		state.dropped += gathered.bytes[i] == '\n';
	gathered.from = gathered.to;
}

static void write_out(void)
{
	while (gathered.from < gathered.to && is_writable()) {
		const char *from = gathered.bytes + gathered.from;
		ssize_t wrote = write(state.fd, from, piece(from, gathered.to - gathered.from));
		if (wrote >= 0)
			gathered.from += (size_t)wrote;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			give_up();
	}
	if (gathered.from == gathered.to) {
		gathered.from = 0;
		gathered.to = 0;
	}
}

/* Room for a line; moves what is unwritten to the front if that helps. */
static bool make_room(size_t need)
{
	if (need <= LOG_BYTES - gathered.to)
		return true;
	write_out();
	if (gathered.from > 0) {
		memmove(gathered.bytes, gathered.bytes + gathered.from,
			gathered.to - gathered.from);
		gathered.to -= gathered.from;
		gathered.from = 0;
	}
	return need <= LOG_BYTES - gathered.to;
}

static bool gather(const char *json, size_t len)
{
	if (len >= LOG_BYTES || !make_room(len + 1))
		return false;
	if (state.owner == 0) /* a line before log_init */
		state.owner = getpid();
	memcpy(gathered.bytes + gathered.to, json, len);
	gathered.bytes[gathered.to + len] = '\n';
	gathered.to += len + 1;
	return true;
}

void log_line(const char *json, size_t len)
{
	if (!gather(json, len))
		state.dropped++;
}

/* ── messages ───────────────────────────────────────────────────────────────────────────────── */

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "error";
}

/* Leaves the line in state.line. */
static void make_line(enum log_level level, const char *message, size_t len)
{
	char now[CLOCK_TEXT];
	struct jsonw w;

	clock_format(now, clock_unix_ms());
	buf_reset(&state.line);
	jsonw_init(&w, &state.line);
	jsonw_object_open(&w);
	jsonw_key(&w, "time");
	jsonw_text(&w, now);
	jsonw_key(&w, "level");
	jsonw_text(&w, level_name(level));
	jsonw_key(&w, "worker");
	jsonw_int(&w, state.worker);
	jsonw_key(&w, "msg");
	jsonw_string(&w, message, len);
	jsonw_object_close(&w);
}

__attribute__((format(printf, 2, 0))) static void message(enum log_level level, const char *format,
							  va_list args)
{
	char text[MESSAGE_MAX];

	if (level > state.level)
		return;
	int len = vsnprintf(text, sizeof text, format, args);
	if (len < 0)
		return;
	make_line(level, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
	if (state.line.failed)
		state.dropped++;
	else
		log_line(state.line.data, state.line.len);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(LOG_LEVEL_ERROR, format, args);
	va_end(args);
	log_flush(); /* the next thing may be the end of the process */
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(LOG_LEVEL_INFO, format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(LOG_LEVEL_DEBUG, format, args);
	va_end(args);
}

static void tell_dropped(void)
{
	char text[64];
	uint64_t dropped = state.dropped;
	int len = snprintf(text, sizeof text, "%llu log lines were dropped",
			   (unsigned long long)(dropped - state.dropped_told));

	make_line(LOG_LEVEL_ERROR, text, (size_t)len);
	if (state.line.failed || !gather(state.line.data, state.line.len))
		return;
	write_out();
	if (state.dropped == dropped)
		state.dropped_told = dropped;
	else /* this line was lost itself: it is told again, but not counted */
		state.dropped = dropped;
}

void log_flush(void)
{
	write_out();
	if (gathered.to == 0 && state.dropped > state.dropped_told)
		tell_dropped();
}

uint64_t log_dropped(void)
{
	return state.dropped;
}
