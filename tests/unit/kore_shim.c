/*
 * kore_shim: see kore_shim.h. Timers are an unsorted list: tests have a handful. As in Kore, a
 * one-shot timer is off the list while its callback runs and is freed after it.
 */
#include "kore_shim.h"

#include <kore/kore.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define EVENTS 64

static TAILQ_HEAD(, kore_timer) timers = TAILQ_HEAD_INITIALIZER(timers);
static int loop_fd = -1;

static void die(const char *what)
{
	perror(what);
	abort();
}

static int loop(void)
{
	if (loop_fd < 0) {
		loop_fd = epoll_create1(EPOLL_CLOEXEC);
		if (loop_fd < 0)
			die("epoll_create1");
	}
	return loop_fd;
}

u_int64_t kore_time_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (u_int64_t)now.tv_sec * 1000 + (u_int64_t)now.tv_nsec / 1000000;
}

void kore_platform_event_schedule(int fd, int type, int flags, void *udata)
{
	struct epoll_event event = {.events = (uint32_t)type, .data.ptr = udata};

	(void)flags;
	if (epoll_ctl(loop(), EPOLL_CTL_ADD, fd, &event) == 0)
		return;
	if (errno != EEXIST || epoll_ctl(loop(), EPOLL_CTL_MOD, fd, &event) != 0)
		die("kore_platform_event_schedule");
}

void kore_platform_disable_read(int fd)
{
	if (epoll_ctl(loop(), EPOLL_CTL_DEL, fd, NULL) != 0)
		die("kore_platform_disable_read");
}

struct kore_timer *kore_timer_add(void (*cb)(void *, u_int64_t), u_int64_t interval, void *arg,
				  int flags)
{
	struct kore_timer *timer = calloc(1, sizeof(*timer));
	if (timer == NULL)
		die("kore_timer_add");
	timer->cb = cb;
	timer->interval = interval;
	timer->arg = arg;
	timer->flags = flags;
	timer->nextrun = kore_time_ms() + interval;
	TAILQ_INSERT_TAIL(&timers, timer, list);
	return timer;
}

void kore_timer_remove(struct kore_timer *timer)
{
	TAILQ_REMOVE(&timers, timer, list);
	free(timer);
}

int shim_timers(void)
{
	struct kore_timer *timer;
	int count = 0;
	TAILQ_FOREACH(timer, &timers, list)
	count++;
	return count;
}

/* The earliest timer that is due, or NULL. A callback may change the list: so one at a time. */
static struct kore_timer *timer_due(u_int64_t now)
{
	struct kore_timer *timer;
	struct kore_timer *first = NULL;
	TAILQ_FOREACH(timer, &timers, list)
	{
		if (timer->nextrun <= now && (first == NULL || timer->nextrun < first->nextrun))
			first = timer;
	}
	return first;
}

static void run_timers(void)
{
	u_int64_t now = kore_time_ms();
	struct kore_timer *timer;

	while ((timer = timer_due(now)) != NULL) {
		TAILQ_REMOVE(&timers, timer, list);
		timer->cb(timer->arg, now);
		if ((timer->flags & KORE_TIMER_ONESHOT) != 0) {
			free(timer);
		} else {
			timer->nextrun = now + (timer->interval > 0 ? timer->interval : 1);
			TAILQ_INSERT_TAIL(&timers, timer, list);
		}
	}
}

static int wait_ms(int max_ms)
{
	u_int64_t now = kore_time_ms();
	u_int64_t wait = (u_int64_t)max_ms;
	struct kore_timer *timer;
	TAILQ_FOREACH(timer, &timers, list)
	{
		u_int64_t left = timer->nextrun > now ? timer->nextrun - now : 0;
		if (left < wait)
			wait = left;
	}
	return (int)wait;
}

void shim_turn(int max_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(loop(), events, EVENTS, wait_ms(max_ms));

	for (int i = 0; i < count; i++) {
		struct kore_event *event = events[i].data.ptr;
		uint32_t bits = events[i].events;
		if ((bits & EPOLLIN) != 0)
			event->flags |= KORE_EVENT_READ;
		if ((bits & EPOLLOUT) != 0)
			event->flags |= KORE_EVENT_WRITE;
		event->handle(event, (bits & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0);
	}
	run_timers();
}

bool shim_run(bool (*done)(void *arg), void *arg, int timeout_ms)
{
	u_int64_t end = kore_time_ms() + (u_int64_t)timeout_ms;

	while (!done(arg)) {
		u_int64_t now = kore_time_ms();
		if (now >= end)
			return false;
		shim_turn((int)(end - now < 50 ? end - now : 50));
	}
	return true;
}
