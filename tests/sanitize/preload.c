/*
 * preload: goes into Kore together with libasan in the sanitizer build, and nowhere else.
 *
 * With libasan preloaded, glibc 2.36 runs the constructors in an order that leaves its lock on
 * locales unbalanced, and any process that has libp11-kit (libpq → libldap → GnuTLS needs it) hangs
 * for ever at exit, in p11-kit's freelocale. psql and curl hang in the same way. What is not freed
 * at exit does no harm.
 */
#include <locale.h>

void freelocale(locale_t locale)
{
	(void)locale;
}
