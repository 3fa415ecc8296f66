/*
 * key_file: one key file, and the listing of the key directory.
 *
 * Entry points: key_id_valid, key_parse, key_read, key_list. Only open, read, fstat and the reading
 * of directories are used, which the workers' seccomp filter allows. A file is read as a whole or
 * refused; nothing here keeps state, and nothing decides which keys are in force (keys.c does).
 */
#include "auth/auth_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#define SUFFIX     ".pem"
#define SUFFIX_LEN 4

bool key_id_valid(const char *id, size_t len)
{
	if (len == 0 || len >= KEY_ID_TEXT)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = id[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* An encrypted key must not make OpenSSL ask for a passphrase on the terminal. */
static int on_passphrase(char *out, int size, int writing, void *ctx)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static EVP_PKEY *pem_decode(const char *text, size_t len, bool *has_private)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	if (bio == NULL)
		return NULL;
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, NULL);
	*has_private = pkey != NULL;
	if (pkey == NULL) {
		(void)BIO_reset(bio);
		pkey = PEM_read_bio_PUBKEY(bio, NULL, on_passphrase, NULL);
	}
	BIO_free(bio);
	return pkey;
}

static bool pkey_is_p256(EVP_PKEY *pkey)
{
	char group[64];
	size_t len = 0;

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static bool pkey_is_sound(EVP_PKEY *pkey, bool has_private)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx == NULL)
		return false;
	int ok = has_private ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx);
	EVP_PKEY_CTX_free(ctx);
	return ok == 1;
}

static bool pkey_number(EVP_PKEY *pkey, const char *name, uint8_t out[KEY_COORDINATE])
{
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1)
		return false;
	bool ok = BN_bn2binpad(number, out, KEY_COORDINATE) == KEY_COORDINATE;
	BN_clear_free(number);
	return ok;
}

/* Takes what a memory BIO holds as text; the BIO goes. */
static bool bio_take(BIO *bio, bool written, char *out, size_t size)
{
	char *bytes = NULL;
	long len = written ? BIO_get_mem_data(bio, &bytes) : 0;
	bool ok = len > 0 && (size_t)len < size;
	if (ok) {
		memcpy(out, bytes, (size_t)len);
		out[len] = '\0';
	}
	BIO_free(bio);
	return ok;
}

/*
 * Writes the key anew instead of keeping the file's text: libjwt then parses one PEM form only,
 * with no parameters block or comments before it.
 */
static bool pem_encode(EVP_PKEY *pkey, struct key *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio == NULL)
		return false;
	bool written = PEM_write_bio_PUBKEY(bio, pkey) == 1;
	if (!bio_take(bio, written, key->public_pem, sizeof(key->public_pem)))
		return false;
	if (!key->has_private)
		return true;
	bio = BIO_new(BIO_s_secmem());
	if (bio == NULL)
		return false;
	written = PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1;
	return bio_take(bio, written, key->private_pem, sizeof(key->private_pem));
}

static const char *key_fill(struct key *key, EVP_PKEY *pkey)
{
	if (!pkey_is_p256(pkey))
		return "not a P-256 key";
	if (!pkey_is_sound(pkey, key->has_private))
		return "the key does not hold together";
	bool ok = pkey_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->x) &&
		  pkey_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->y) &&
		  (!key->has_private || pkey_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, key->scalar)) &&
		  pem_encode(pkey, key);
	return ok ? NULL : "the key cannot be used";
}

const char *key_parse(struct key *key, const char *text, size_t len)
{
	char id[KEY_ID_TEXT];
	memcpy(id, key->id, sizeof(id));
	sodium_memzero(key, sizeof(*key));
	memcpy(key->id, id, sizeof(id));
	if (len > KEY_FILE_MAX)
		return "too long for a key";
	EVP_PKEY *pkey = pem_decode(text, len, &key->has_private);
	const char *wrong = pkey == NULL ? "not a PEM key" : key_fill(key, pkey);
	EVP_PKEY_free(pkey);
	/* A failure left in the queue would be taken by TLS code for its own. */
	ERR_clear_error();
	return wrong;
}

/* Reads at most `size` bytes; -1 on an error. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = read(fd, out + len, size - len);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}

const char *key_read(struct key *key, int dir_fd, const char *id)
{
	char name[KEY_ID_TEXT + SUFFIX_LEN];
	char text[KEY_FILE_MAX + 1];
	struct stat st;
	size_t id_len = strlen(id);

	if (!key_id_valid(id, id_len))
		return "the name can be no key id";
	memcpy(key->id, id, id_len + 1);
	memcpy(name, id, id_len);
	memcpy(name + id_len, SUFFIX, SUFFIX_LEN + 1);
	/* O_NONBLOCK: a FIFO by that name must not hang the event loop. */
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return "cannot be opened";
	const char *wrong = "cannot be read";
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		ssize_t len = read_all(fd, text, sizeof(text));
		if (len >= 0)
			wrong = key_parse(key, text, (size_t)len);
	}
	close(fd);
	sodium_memzero(text, sizeof(text));
	return wrong;
}

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* 1: `mark` is filled; 0: not a key file; -1: a .pem whose name can be no key id. */
static int mark_take(struct key_mark *mark, int dir_fd, const char *name)
{
	struct stat st;
	size_t len = strlen(name);

	/* Hidden files: what editors and copying tools leave while they write. */
	if (name[0] == '.' || len <= SUFFIX_LEN || strcmp(name + len - SUFFIX_LEN, SUFFIX) != 0)
		return 0;
	len -= SUFFIX_LEN;
	if (!key_id_valid(name, len))
		return -1;
	if (fstatat(dir_fd, name, &st, 0) == -1)
		return 0; /* it has just gone */
	memset(mark, 0, sizeof(*mark));
	memcpy(mark->id, name, len);
	mark->mtime_ns = nanoseconds(st.st_mtim);
	mark->ctime_ns = nanoseconds(st.st_ctim);
	mark->size = st.st_size;
	mark->inode = st.st_ino;
	return 1;
}

static int mark_order(const void *a, const void *b)
{
	return strcmp(((const struct key_mark *)a)->id, ((const struct key_mark *)b)->id);
}

int key_list(int dir_fd, struct key_mark *marks, int *bad_name)
{
	struct key_mark mark;
	struct dirent *entry;
	int count = 0;

	*bad_name = 0;
	/* A descriptor of its own: closedir closes it, and dir_fd keeps its place. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (count >= 0 && (entry = readdir(dir)) != NULL) {
		int kind = mark_take(&mark, dir_fd, entry->d_name);
		if (kind == -1)
			(*bad_name)++;
		if (kind == 1 && count == KEYS_MAX)
			count = -1;
		else if (kind == 1)
			memcpy(&marks[count++], &mark,
			       sizeof(mark)); /* padding too: compared as bytes */
	}
	closedir(dir);
	if (count > 0)
		qsort(marks, (size_t)count, sizeof(*marks), mark_order);
	return count;
}
