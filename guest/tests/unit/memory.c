#include "tests/unit/unit.h"

#include "mm/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void unit_memory(uint64_t size)
{
	void *at = (void *)DIRECT_MAP_BASE;

	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
	         -1, 0) != at) {
		perror("unit test: cannot map memory for the direct map");
		exit(2);
	}
}
