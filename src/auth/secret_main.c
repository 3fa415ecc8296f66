/*
 * secret_main: partystudy-secret, what an operator needs before a server runs.
 *
 *     partystudy-secret hash          reads a password from standard input, prints its Argon2id
 * string partystudy-secret new-key DIR   makes a P-256 key in DIR and prints its file's path
 *
 * A key's name is the time in UTC and four random hex digits, so the newest sorts last and signs.
 * The file appears under its name only when it is whole, readable by its owner alone. A password is
 * never taken from the command line, where other users could read it.
 */
#include "auth/auth_priv.h"
#include "core/conf.h"
#include "core/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#define EXIT_USAGE 2

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "partystudy-secret: %s: %s\n", what, why);
	return 1;
}

/* ── hash ───────────────────────────────────────────────────────────────────────────────────── */

/* The first line without its end. */
static const char *read_password(char *out, size_t size)
{
	if (fgets(out, (int)size, stdin) == NULL)
		return "nothing on standard input";
	size_t len = strcspn(out, "\r\n");
	if (out[len] == '\0' && !feof(stdin))
		return "too long";
	out[len] = '\0';
	if (!utf8_valid(out, len))
		return "not valid UTF-8";
	size_t points = utf8_length(out, len);
	if (points < AUTH_PASSWORD_MIN || points > AUTH_PASSWORD_MAX)
		return "a password has 10 to 128 characters";
	return NULL;
}

/*
 * A password can be hashed before there is a certificate or a database: what the server must be
 * told gets a value here that nothing looks at.
 */
static int load_settings(char *errors, size_t size)
{
	const struct conf_row *row;

	for (size_t i = 0; (row = conf_rows(i)) != NULL; i++) {
		const char *value = getenv(row->name);
		if (row->fallback == NULL && (value == NULL || *value == '\0'))
			setenv(row->name, "/unset", 1);
	}
	return conf_load(errors, size);
}

static int run_hash(void)
{
	char errors[4096];
	char password[PASSWORD_BYTES + 3]; /* CR, LF and NUL */
	char hash[AUTH_HASH_TEXT];

	if (load_settings(errors, sizeof(errors)) != 0)
		return fail("settings", errors);
	const char *wrong = read_password(password, sizeof(password));
	if (wrong == NULL && !password_hash_blocking(password, hash))
		wrong = "not enough memory to hash";
	sodium_memzero(password, sizeof(password));
	if (wrong != NULL)
		return fail("password", wrong);
	return puts(hash) == EOF || fflush(stdout) != 0 ? fail("output", strerror(errno)) : 0;
}

/* ── new-key ────────────────────────────────────────────────────────────────────────────────── */

static void make_key_id(char out[KEY_ID_TEXT])
{
	struct tm tm;
	time_t now = time(NULL);
	uint8_t random[2];
	char hex[sizeof(random) * 2 + 1];

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	gmtime_r(&now, &tm);
	size_t len = strftime(out, KEY_ID_TEXT, "%Y%m%d%H%M%S", &tm);
	memcpy(out + len, hex, sizeof(hex));
}

/* 0, or an errno. */
static int write_whole(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);
		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return errno;
		bytes += put;
		len -= (size_t)put;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

/*
 * Whoever may list the directory by its group may read the key in it: the server, when another user
 * makes its keys. Failing leaves the key to its maker alone, which the server's log will show.
 */
static void share_with_group(int fd, const char *dir)
{
	struct stat st;
	if (stat(dir, &st) == 0 && (st.st_mode & S_IXGRP) != 0 &&
	    fchown(fd, (uid_t)-1, st.st_gid) == 0)
		(void)fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP);
}

/* Written under a hidden name first, which keys_load and keys_refresh pass over. 0, or an errno. */
static int store_key(const char *dir, const char *path, const char *temporary, const char *pem,
		     size_t len)
{
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd == -1)
		return errno;
	int error = write_whole(fd, pem, len);
	share_with_group(fd, dir);
	if (close(fd) == -1 && error == 0)
		error = errno;
	if (error == 0 && rename(temporary, path) == -1)
		error = errno;
	if (error != 0)
		unlink(temporary);
	return error;
}

/* A PKCS #8 text in a memory BIO, NULL when OpenSSL cannot. */
static BIO *make_key(void)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	BIO *bio = pkey != NULL ? BIO_new(BIO_s_secmem()) : NULL;
	if (bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		BIO_free(bio);
		bio = NULL;
	}
	EVP_PKEY_free(pkey);
	return bio;
}

static int run_new_key(const char *dir)
{
	char id[KEY_ID_TEXT];
	char path[PATH_MAX];
	char temporary[PATH_MAX];
	char *pem = NULL;

	if (sodium_init() == -1)
		return fail("new-key", "libsodium cannot start");
	make_key_id(id);
	int len = snprintf(path, sizeof(path), "%s/%s.pem", dir, id);
	int other = snprintf(temporary, sizeof(temporary), "%s/.%s.new", dir, id);
	if (len < 0 || (size_t)len >= sizeof(path) || other < 0 ||
	    (size_t)other >= sizeof(temporary))
		return fail(dir, strerror(ENAMETOOLONG));
	BIO *bio = make_key();
	if (bio == NULL)
		return fail("new-key", "OpenSSL makes no key");
	long size = BIO_get_mem_data(bio, &pem);
	int error = store_key(dir, path, temporary, pem, (size_t)size);
	BIO_free(bio);
	if (error != 0)
		return fail(path, strerror(error));
	puts(path);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "hash") == 0)
		return run_hash();
	if (argc == 3 && strcmp(argv[1], "new-key") == 0)
		return run_new_key(argv[2]);
	fputs("usage: partystudy-secret hash < PASSWORD\n"
	      "       partystudy-secret new-key DIR\n",
	      stderr);
	return EXIT_USAGE;
}
