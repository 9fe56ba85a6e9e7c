#include <stdio.h>

#include "counter.h"
#include "portcullis/portcullis.h"

int main(void)
{
	long value;

	if (portcullis_attach("counter", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "count: %s\n", portcullis_error());
		return 1;
	}
	counter_add("apples", 3);
	counter_add("apples", 4);
	if (counter_read("apples", &value)) {
		fprintf(stderr, "count: cannot read the counter\n");
		return 1;
	}
	printf("%ld apples on backend %s\n", value, portcullis_backend());
	return portcullis_detach("counter") ? 1 : 0;
}
