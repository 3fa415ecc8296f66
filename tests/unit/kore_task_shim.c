/*
 * kore_task_shim: stands in for Kore's tasks in unit tests: one thread per task, and the same life
 * cycle (a socket pair per task, the thread closes its end, the callback then runs on the thread
 * that calls kore_task_shim_turn and destroys the task). No request binding and no channels.
 */
#include "kore_task_shim.h"

#include <kore/kore.h>
#include <kore/tasks.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SHIM_TASKS_MAX 64

u_int16_t kore_task_threads = KORE_TASK_THREADS;

static struct kore_task *tasks[SHIM_TASKS_MAX];
static pthread_t threads[SHIM_TASKS_MAX];
static int alive;
static int peak;

void kore_task_create(struct kore_task *t, int (*entry)(struct kore_task *))
{
	t->cb = NULL;
	t->entry = entry;
	t->state = KORE_TASK_STATE_CREATED;
	pthread_rwlock_init(&t->lock, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, t->fds) == -1)
		abort(); /* as Kore does */
}

void kore_task_bind_callback(struct kore_task *t, void (*cb)(struct kore_task *))
{
	t->cb = cb;
}

static void *run(void *arg)
{
	struct kore_task *t = arg;
	int result = t->entry(t);

	pthread_rwlock_wrlock(&t->lock);
	t->result = result;
	close(t->fds[1]);
	t->fds[1] = -1;
	pthread_rwlock_unlock(&t->lock);
	return NULL;
}

void kore_task_run(struct kore_task *t)
{
	for (int i = 0; i < SHIM_TASKS_MAX; i++) {
		if (tasks[i] != NULL)
			continue;
		tasks[i] = t;
		alive++;
		peak = alive > peak ? alive : peak;
		if (pthread_create(&threads[i], NULL, run, t) != 0)
			abort();
		return;
	}
	abort();
}

void kore_task_destroy(struct kore_task *t)
{
	pthread_rwlock_wrlock(&t->lock);
	close(t->fds[0]);
	if (t->fds[1] != -1)
		close(t->fds[1]);
	pthread_rwlock_unlock(&t->lock);
	pthread_rwlock_destroy(&t->lock);
	alive--;
}

int kore_task_finished(struct kore_task *t)
{
	return t->state == KORE_TASK_STATE_FINISHED;
}

bool kore_task_shim_turn(int ms)
{
	struct pollfd fds[SHIM_TASKS_MAX];
	for (int i = 0; i < SHIM_TASKS_MAX; i++) {
		fds[i].fd = tasks[i] != NULL ? tasks[i]->fds[0] : -1;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	if (poll(fds, SHIM_TASKS_MAX, ms) <= 0)
		return false;
	for (int i = 0; i < SHIM_TASKS_MAX; i++) {
		if (fds[i].revents == 0)
			continue;
		struct kore_task *t = tasks[i];
		pthread_join(threads[i], NULL);
		tasks[i] = NULL;
		t->state = KORE_TASK_STATE_FINISHED;
		t->cb(t);
		return true;
	}
	return false;
}

int kore_task_shim_alive(void)
{
	return alive;
}

int kore_task_shim_peak(void)
{
	return peak;
}
