#include "portcullis/library.h"

/* An invalid opcode: a fault outside of the argument copy fails the domain. */
_Noreturn void portcullis_fail(void)
{
	__builtin_trap();
}

__attribute__((weak)) _Noreturn void abort(void)
{
	portcullis_fail();
}

/* What assert() of the C library's header calls. */
__attribute__((weak)) _Noreturn void __assert_fail(const char *condition, const char *file, int line,
                                                   const char *function)
{
	(void)condition, (void)file, (void)line, (void)function;
	portcullis_fail();
}
