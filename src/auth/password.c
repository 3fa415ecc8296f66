/*
 * password: Argon2id off the event loop, in Kore tasks.
 *
 * Entry points: password_verify, password_hash, password_abandon, password_pending. Life of a job:
 *
 *     WAITING (in `waiting`) → RUNNING (a task's thread has it) → DONE (on_done is being called) →
 * freed
 *
 * The loop owns a job at all times; the thread only reads its texts and writes its result. An
 * abandoned job that runs is kept until its thread lets go of it, then freed without a word. At
 * most hash_concurrency jobs run and PASSWORD_QUEUE_FACTOR times as many wait; one more is refused.
 * Called on the loop only.
 */
#include "auth/auth_priv.h"
#include "core/conf.h"
#include "core/log.h"
#include "core/mem.h"

#include <kore/kore.h>
#include <kore/tasks.h>

#include <semaphore.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

enum job_kind { JOB_VERIFY, JOB_HASH };

enum job_state {
	JOB_WAITING, /* in `waiting` */
	JOB_RUNNING, /* counted by `running` */
	JOB_DONE     /* in on_job_done only */
};

struct password_job {
	struct kore_task task;
	sem_t launched; /* see job_entry */
	enum job_kind kind;
	enum job_state state;
	bool known; /* false: `hash` is a dummy, whatever comes out is a no */
	bool abandoned;
	bool ok; /* written by the thread */
	password_on_done on_done;
	void *ctx;
	size_t len;
	char password[PASSWORD_BYTES];
	char hash[AUTH_HASH_TEXT];
	TAILQ_ENTRY(password_job) link;
};

TAILQ_HEAD(job_list, password_job);

static struct job_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
static int waiting_count;
static int running;

static void start_waiting(void);

static void job_free(struct password_job *job)
{
	sem_destroy(&job->launched);
	mem_wipe_free(job, sizeof(*job));
}

static void job_enqueue(struct password_job *job)
{
	job->state = JOB_WAITING;
	TAILQ_INSERT_TAIL(&waiting, job, link);
	waiting_count++;
}

static void job_dequeue(struct password_job *job)
{
	TAILQ_REMOVE(&waiting, job, link);
	waiting_count--;
}

/* In the task's thread. */
static int job_entry(struct kore_task *task)
{
	struct password_job *job = (struct password_job *)task;

	if (job->kind == JOB_HASH)
		job->ok = password_kdf_hash(job->hash, job->password, job->len);
	else
		job->ok = password_kdf_verify(job->hash, job->password, job->len) && job->known;
	sodium_memzero(job->password, sizeof(job->password));
	/*
	 * kore_task_run signals the thread only after it has unlocked its queue, and the thread
	 * takes any signal for work: were it back at waiting by then, it would run a task that is
	 * not there and end the worker. So it stays here until kore_task_run has returned.
	 */
	while (sem_wait(&job->launched) == -1)
		;
	return KORE_RESULT_OK;
}

static void job_answer(struct password_job *job)
{
	job->state = JOB_DONE;
	if (!job->abandoned)
		job->on_done(job->ok, job->ok && job->kind == JOB_HASH ? job->hash : NULL,
			     job->ctx);
	job_free(job);
}

/* On the loop, when the thread has closed its end. */
static void on_job_done(struct kore_task *task)
{
	struct password_job *job = (struct password_job *)task;

	if (!kore_task_finished(task))
		return;
	kore_task_destroy(task);
	running--;
	/* Before the answer: on_done may ask for another job, which has to queue behind these. */
	start_waiting();
	job_answer(job);
}

/*
 * kore_task_create ends the worker when it gets no socket pair, and descriptors are what many
 * clients can use up: so see first whether there is one to be had.
 */
static bool descriptors_left(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		return false;
	close(fds[0]);
	close(fds[1]);
	return true;
}

static bool job_start(struct password_job *job)
{
	if (!descriptors_left())
		return false;
	/* A thread for each job that may run: Kore hands tasks out in turn, busy or not. */
	if (kore_task_threads < conf()->hash_concurrency)
		kore_task_threads = (uint16_t)conf()->hash_concurrency;
	job->state = JOB_RUNNING;
	running++;
	kore_task_create(&job->task, job_entry);
	kore_task_bind_callback(&job->task, on_job_done);
	kore_task_run(&job->task);
	sem_post(&job->launched);
	return true;
}

static void start_waiting(void)
{
	struct password_job *job;

	while (running < conf()->hash_concurrency && (job = TAILQ_FIRST(&waiting)) != NULL) {
		job_dequeue(job);
		if (job_start(job))
			continue;
		if (running > 0) {
			/* The next one to finish gives two descriptors back. */
			TAILQ_INSERT_HEAD(&waiting, job, link);
			waiting_count++;
			return;
		}
		log_error("no descriptors left to check a password");
		job->ok = false;
		job_answer(job);
	}
}

static struct password_job *job_new(enum job_kind kind, const char *password,
				    password_on_done on_done, void *ctx)
{
	struct password_job *job = mem_alloc(sizeof(*job));
	if (job == NULL)
		return NULL;
	sem_init(&job->launched, 0, 0);
	job->kind = kind;
	job->on_done = on_done;
	job->ctx = ctx;
	job->len = strlen(password);
	/* No account has so long a one, and cutting it would let it pass for a shorter one. */
	job->known = job->len <= PASSWORD_BYTES;
	if (!job->known)
		job->len = 0;
	memcpy(job->password, password, job->len);
	return job;
}

/* Starts or queues it; NULL (and the job gone) when that is impossible. */
static struct password_job *job_submit(struct password_job *job)
{
	int concurrency = conf()->hash_concurrency;

	if (running < concurrency && waiting_count == 0) {
		if (job_start(job))
			return job;
	} else if (waiting_count < concurrency * PASSWORD_QUEUE_FACTOR) {
		job_enqueue(job);
		return job;
	}
	job_free(job);
	return NULL;
}

struct password_job *password_verify(const char *password, const char *hash,
				     password_on_done on_done, void *ctx)
{
	struct password_job *job = job_new(JOB_VERIFY, password, on_done, ctx);
	if (job == NULL)
		return NULL;
	if (hash == NULL || strlen(hash) >= sizeof(job->hash))
		job->known = false;
	if (job->known)
		memcpy(job->hash, hash, strlen(hash) + 1);
	else
		password_kdf_dummy(job->hash);
	return job_submit(job);
}

struct password_job *password_hash(const char *password, password_on_done on_done, void *ctx)
{
	struct password_job *job = job_new(JOB_HASH, password, on_done, ctx);
	if (job != NULL && !job->known) {
		job_free(job);
		return NULL;
	}
	return job != NULL ? job_submit(job) : NULL;
}

void password_abandon(struct password_job *job)
{
	if (job == NULL)
		return;
	if (job->state == JOB_WAITING) {
		job_dequeue(job);
		job_free(job);
		return;
	}
	job->abandoned = true;
}

int password_pending(void)
{
	return running + waiting_count;
}
