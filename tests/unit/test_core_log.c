/*
 * Tests of core/log. Standard output is replaced by a pipe, a file, a socket; every line that comes
 * out must be JSON for jansson, whatever went in, and no reader may hold the writer up (an alarm
 * ends the test if one does).
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int saved = -1;   /* the real standard output */
static int reading = -1; /* the other end of the present one */
static char out[4 << 20];
static size_t out_len;

static void redirect(int to, int from)
{
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_int_equal(dup2(to, STDOUT_FILENO), STDOUT_FILENO);
	close(to);
	reading = from;
	fcntl(reading, F_SETFL, O_NONBLOCK);
	out_len = 0;
	log_init(LOG_LEVEL_INFO, 3);
}

static void restore(void)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
	if (reading >= 0)
		close(reading);
	saved = reading = -1;
	log_init(LOG_LEVEL_INFO, 0); /* lets go of the pipe */
}

static void redirect_to_pipe(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	redirect(ends[1], ends[0]);
}

static void drain(void)
{
	ssize_t got;
	while (out_len < sizeof out - 1 &&
	       (got = read(reading, out + out_len, sizeof out - 1 - out_len)) > 0)
		out_len += (size_t)got;
	out[out_len] = '\0';
}

/* Reads until nothing more comes, flushing in between. */
static void drain_all(void)
{
	for (size_t before = (size_t)-1; before != out_len;) {
		before = out_len;
		log_flush();
		drain();
	}
}

/* Parses each line; how many there are. */
static size_t check_lines(void)
{
	size_t count = 0;
	char *line = out;
	for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, count++) {
		json_t *json = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
		if (json == NULL)
			fail_msg("not JSON: %.*s", (int)(end - line), line);
		json_decref(json);
	}
	assert_int_equal(*line, '\0'); /* no half line at the end */
	return count;
}

static void test_a_line(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_info("%s 上线 %d", "支部", 5);
	drain();
	assert_int_equal(out_len, 0); /* waits for the turn's end */
	log_flush();
	drain();
	restore();

	json_t *line = json_loads(out, 0, NULL);
	assert_non_null(line);
	const char *now = json_string_value(json_object_get(line, "time"));
	assert_true(clock_timestamp_valid(now, strlen(now)));
	assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
	assert_int_equal(json_integer_value(json_object_get(line, "worker")), 3);
	assert_string_equal(json_string_value(json_object_get(line, "msg")), "支部 上线 5");
	json_decref(line);
	assert_int_equal(check_lines(), 1);
}

static void test_levels(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_debug("hidden");
	log_info("shown");
	log_init(LOG_LEVEL_ERROR, 1);
	log_info("hidden");
	log_init(LOG_LEVEL_DEBUG, 1);
	log_debug("shown");
	drain_all();
	restore();
	assert_int_equal(check_lines(), 2);
	assert_null(strstr(out, "hidden"));
	assert_non_null(strstr(out, "\"level\":\"debug\""));
}

static void test_errors_go_out_at_once(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_info("before");
	log_error("broken");
	drain();
	restore();
	assert_int_equal(check_lines(), 2); /* in order, the waiting one too */
	assert_true(strstr(out, "before") < strstr(out, "broken"));
}

static void test_any_bytes(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	for (int byte = 1; byte < 256; byte++) {
		char text[] = {'a', (char)byte, (char)(255 - byte), '"', 0};
		log_info("%s", text);
		drain_all();
	}
	log_info("%s", "");
	drain_all();
	restore();
	assert_int_equal(check_lines(), 256);
}

static void test_long_messages_are_cut(void **unused)
{
	(void)unused;
	static char text[9001];
	redirect_to_pipe();
	for (size_t i = 0; i < 9000; i++) /* Chinese, so that the cut falls into a character */
		text[i] = "党"[i % 3];
	log_info("%s", text);
	log_info(".%s", text);
	memset(text, 1, 9000); /* each byte needs six */
	log_info("%s", text);
	drain_all();
	restore();
	assert_int_equal(check_lines(), 3);
}

static void test_lines_of_the_caller(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_line("{\"a\":1}", 7);
	log_line("{\"b\":2}", 7);
	drain_all();
	restore();
	assert_string_equal(out, "{\"a\":1}\n{\"b\":2}\n");
}

/* A stopped reader: the writer never waits, drops whole lines, and tells how many. */
static void write_faster_than_read(void)
{
	uint64_t before = log_dropped();
	size_t count = 20000;
	for (size_t i = 0; i < count; i++) {
		log_info("line %zu of many, long enough to fill what there is to be filled", i);
		if (i % 7 == 0)
			log_flush();
	}
	log_error("flushes as well");
	uint64_t dropped = log_dropped() - before;
	assert_true(dropped > 1000);
	drain_all();
	size_t lines = check_lines();
	assert_int_equal(lines + dropped, count + 2); /* the error, and the line that tells */
	char told[64];
	snprintf(told, sizeof told, "%llu log lines were dropped", (unsigned long long)dropped);
	assert_non_null(strstr(out, told));
	log_info("goes on");
	drain_all();
	assert_int_equal(check_lines(), lines + 1);
}

static void test_stopped_pipe(void **unused)
{
	(void)unused;
	alarm(20);
	redirect_to_pipe();
	write_faster_than_read();
	restore();
	alarm(0);
}

static void test_stopped_socket(void **unused)
{
	(void)unused;
	int ends[2];
	alarm(20);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	redirect(ends[1], ends[0]);
	write_faster_than_read();
	restore();
	alarm(0);
}

static void test_standard_output_stays_blocking(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_info("x");
	log_flush();
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	restore();
	assert_int_equal(flags & O_NONBLOCK, 0);
}

/* Descriptors that write to what standard output is, without ever waiting. */
static int count_own_descriptors(void)
{
	struct stat ours, other;
	int found = 0;

	assert_int_equal(fstat(STDOUT_FILENO, &ours), 0);
	for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
		int flags = fcntl(fd, F_GETFL);
		if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) != 0 &&
		    fstat(fd, &other) == 0 && other.st_ino == ours.st_ino)
			found++;
	}
	return found;
}

/* Between poll() and write() another process may fill the pipe: our own description cannot wait. */
static void test_pipe_is_written_without_waiting(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	int once = count_own_descriptors();
	log_init(LOG_LEVEL_INFO, 5);
	int again = count_own_descriptors();
	restore();
	assert_int_equal(once, 1);
	assert_int_equal(again, 1);
}

/* A slow reader: the buffer's remainder moves to the front again and again. */
static void test_slow_reader_gets_whole_lines_in_order(void **unused)
{
	(void)unused;
	enum { COUNT = 30000 };
	redirect_to_pipe();
	uint64_t before = log_dropped();
	for (int i = 0; i < COUNT; i++) {
		char line[128];
		int len = snprintf(line, sizeof line, "{\"n\":%d,\"pad\":\"%0*d\"}", i, i % 60, 0);
		log_line(line, (size_t)len);
		if (i % 100 == 99) { /* somewhat less than is written */
			ssize_t got = read(reading, out + out_len, 3500);
			out_len += got > 0 ? (size_t)got : 0;
		}
	}
	uint64_t dropped = log_dropped() - before;
	drain_all();
	restore();
	assert_true(dropped > 0 && dropped < COUNT);
	assert_int_equal(check_lines() + dropped, COUNT + 1);
	int last = -1, number;
	for (char *line = out; (line = strstr(line, "{\"n\":")) != NULL; line++, last = number) {
		number = atoi(line + 5);
		assert_true(number > last);
	}
}

static void test_reader_gone(void **unused)
{
	(void)unused;
	signal(SIGPIPE, SIG_IGN);
	redirect_to_pipe();
	uint64_t before = log_dropped();
	close(reading);
	reading = -1;
	log_info("to nobody");
	log_info("nor this");
	log_flush();
	log_flush();
	uint64_t dropped = log_dropped() - before;
	restore();
	redirect_to_pipe();
	drain_all();
	restore();
	assert_int_equal(dropped, 2); /* not the lines that tell of it */
	assert_int_equal(check_lines(), 1);
	assert_non_null(strstr(out, "\"2 log lines were dropped"));
	signal(SIGPIPE, SIG_DFL);
}

static void test_file_is_appended_to(void **unused)
{
	(void)unused;
	char name[] = "/tmp/test_core_log.XXXXXX";
	int fd = mkstemp(name);
	assert_int_equal(write(fd, "{}\n", 3), 3);
	redirect(fd, open(name, O_RDONLY | O_CLOEXEC));
	unlink(name);
	for (int i = 0; i < 2000; i++) /* many pieces */
		log_info("line %d of a file", i);
	log_flush();
	drain();
	restore();
	assert_int_equal(check_lines(), 2001);
}

/* What a parent has gathered is the parent's to write. */
static void test_fork_repeats_nothing(void **unused)
{
	(void)unused;
	redirect_to_pipe();
	log_info("of the parent");
	pid_t child = fork();
	if (child == 0) {
		log_init(LOG_LEVEL_INFO, 4);
		log_info("of the child");
		log_flush();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	drain_all();
	restore();
	assert_int_equal(check_lines(), 2);
}

static void test_needs_no_memory_once_begun(void **unused)
{
	(void)unused;
	static char text[3000];
	memset(text, 1, sizeof text - 1); /* each byte takes six */
	redirect_to_pipe();
	uint64_t before = log_dropped();
	mem_fail_after(1);
	log_error("%s", text);
	mem_fail_after(0);
	drain_all();
	restore();
	assert_int_equal(log_dropped(), before);
	assert_int_equal(check_lines(), 1);
	assert_non_null(strstr(out, "\\u0001"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_needs_no_memory_once_begun), /* first: lines make the buffer grow */
	    cmocka_unit_test(test_a_line),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_errors_go_out_at_once),
	    cmocka_unit_test(test_any_bytes),
	    cmocka_unit_test(test_long_messages_are_cut),
	    cmocka_unit_test(test_lines_of_the_caller),
	    cmocka_unit_test(test_stopped_pipe),
	    cmocka_unit_test(test_stopped_socket),
	    cmocka_unit_test(test_standard_output_stays_blocking),
	    cmocka_unit_test(test_pipe_is_written_without_waiting),
	    cmocka_unit_test(test_slow_reader_gets_whole_lines_in_order),
	    cmocka_unit_test(test_reader_gone),
	    cmocka_unit_test(test_file_is_appended_to),
	    cmocka_unit_test(test_fork_repeats_nothing),
	};
	return cmocka_run_group_tests_name("core/log", tests, NULL, NULL);
}
