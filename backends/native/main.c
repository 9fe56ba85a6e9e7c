/* `portcullis-native`: the engine `native` and the loader of its programs. */
#include "native/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "run")) {
		if (argc == 4)
			stream_hold_at(atoi(argv[3]));
		return plan_main(atoi(argv[2]));
	}
	if (argc > WORDS_BEFORE && !strcmp(argv[WORD_EXEC], "exec"))
		return program_main(argv);
	fprintf(stderr, "portcullis-native: the launcher starts it: portcullis run --engine native ...\n");
	return 2;
}
