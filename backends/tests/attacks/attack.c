#include "attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "portcullis/portcullis.h"
#include "vault.h"

char **attack_arguments;

static const void *secret_address;

const void *attack_secret_address(void)
{
	return secret_address;
}

void attack_found(const void *secret)
{
	char copy[VAULT_SECRET_SIZE] = "";

	memcpy(copy, secret, VAULT_SECRET_SIZE - 1);
	if (vault_check(copy) != 1)
		attack_refused("what was read is not the secret");
	printf("secret %s\n", copy);
	fflush(stdout);
	_exit(0);
}

void attack_read_secret(void)
{
	attack_found(secret_address);
}

void attack_refused(const char *why)
{
	printf("refused: %s\n", why);
	fflush(stdout);
	_exit(1);
}

void attack_end_like(int child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		attack_refused("no child");
	if (WIFSIGNALED(status))
		kill(getpid(), WTERMSIG(status));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int attack_main(int argc, char **argv, const struct attack *table)
{
	attack_arguments = argv;
	for (; table->name; table++)
		if (argc == 2 && !strcmp(argv[1], table->name))
			break;
	if (!table->name) {
		fprintf(stderr, "%s: usage: %s CASE\n", argv[0], argv[0]);
		return 2;
	}
	if (portcullis_attach("vault", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "%s: attach: %s\n", argv[0], portcullis_error());
		return 2;
	}
	secret_address = (const void *)vault_address();
	if (vault_check("a wrong guess") != 0)
		attack_refused("the vault does not work");
	table->run();
	attack_refused("nothing was gained");
}
