#include "library/domain.h"

int *__errno_location(void);

/* errno without thread-local storage: one for each thread slot. */
__attribute__((weak)) int *__errno_location(void)
{
	static int errors[PORTCULLIS_THREADS_MAX];

	return &errors[domain_thread_slot()];
}
