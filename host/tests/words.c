/* words FILE: does each 64-bit word of the file hold its own number? A program for the guest. */
#include <stdint.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	static uint64_t words[8192];
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	uint64_t number = 0;
	size_t count;

	if (!file) {
		fprintf(stderr, "words: a file is needed\n");
		return 2;
	}
	while ((count = fread(words, sizeof(words[0]), sizeof(words) / sizeof(words[0]), file)) > 0) {
		for (size_t i = 0; i < count; i++, number++) {
			if (words[i] == number)
				continue;
			fprintf(stderr, "words: word %lu is %lu\n", number, words[i]);
			return 1;
		}
	}
	printf("%lu words\n", number);
	return 0;
}
