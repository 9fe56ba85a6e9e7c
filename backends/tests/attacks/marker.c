/* Prints "marker: WORD": tells what one line of a plan says on the console from what the next one says. */
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "marker: usage: marker WORD\n");
		return 2;
	}
	printf("marker: %s\n", argv[1]);
	return 0;
}
