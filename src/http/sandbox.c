/*
 * sandbox: the system calls that a worker may make beyond Kore's own list and its tasks' (clone,
 * socketpair, set_robust_list). Kore puts these in front of its list and kills the worker on any
 * other call. Kore's list denies ioctl (EACCES) and executable or writable-and-executable mappings.
 *
 * Each line says who needs it. When one is missing the worker dies with SIGSYS: set
 * PARTYSTUDY_SECCOMP_TRACE=1 and look for "seccomp violation" in the log, or read the kernel's
 * audit lines; then add it here with the caller's name.
 */
#include <stdint.h>

#include <kore/kore.h>
#include <kore/seccomp.h>
#include <kore/hooks.h>

#if defined(PARTYSTUDY_SANITIZE)

/* The sanitizers' runtime and its leak checker call what they like: everything is allowed. */
KORE_SECCOMP_FILTER("partystudy", KORE_BPF_RET(SECCOMP_RET_ALLOW))

#else

/* clang-format off */
KORE_SECCOMP_FILTER("partystudy",
	/* glibc: the threads of Kore's tasks (password hashing), and malloc once there are threads */
	KORE_SYSCALL_ALLOW(clone3),
	KORE_SYSCALL_ALLOW(rseq),
	KORE_SYSCALL_ALLOW(sched_getaffinity),
	/* glibc: realloc of large blocks; qsort of large arrays asks how much memory there is */
	KORE_SYSCALL_ALLOW(mremap),
	KORE_SYSCALL_ALLOW(sysinfo),
	/* glibc: abort, so that a failed assertion is seen as one */
	KORE_SYSCALL_ALLOW(gettid),
	KORE_SYSCALL_ALLOW(tgkill),
	/* glibc: stat(); tls_refresh, keys_refresh, libpq's look for a client certificate */
	KORE_SYSCALL_ALLOW(newfstatat),
	/* keys_refresh: the key directory */
	KORE_SYSCALL_ALLOW(getdents64),
	/* module: is the parent still there? */
	KORE_SYSCALL_ALLOW(getppid),
	/* listen, conn: closing our side */
	KORE_SYSCALL_ALLOW(shutdown),
	/* libpq: connecting */
	KORE_SYSCALL_ALLOW(socket),
	KORE_SYSCALL_ALLOW(connect),
	KORE_SYSCALL_ALLOW(getsockopt),
	KORE_SYSCALL_ALLOW(getsockname),
	/* libpq: a connection through TLS that breaks raises SIGPIPE, which it takes away again */
	KORE_SYSCALL_ALLOW(rt_sigpending),
	KORE_SYSCALL_ALLOW(rt_sigtimedwait),
	/* glibc's resolver, when the database is given by a name (bind: to ask the kernel which
	 * addresses there are, over netlink) */
	KORE_SYSCALL_ALLOW(bind),
	KORE_SYSCALL_ALLOW(sendmmsg),
	KORE_SYSCALL_ALLOW(recvmsg),
	KORE_SYSCALL_ALLOW(uname))
/* clang-format on */

#endif
