#include "attack.h"

#include <errno.h>
#include <stdbool.h>
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

static _Noreturn void end(int status)
{
	fflush(stdout);
	_exit(status);
}

void attack_found(const void *secret)
{
	char copy[VAULT_SECRET_SIZE] = "";

	memcpy(copy, secret, VAULT_SECRET_SIZE - 1);
	if (vault_check(copy) != 1)
		attack_refused("what was read is not the secret");
	printf("secret %s\n", copy);
	end(0);
}

void attack_read_secret(void)
{
	attack_found(secret_address);
}

/* The vault says which pieces of the data are its secret's: the halves may stand in any place and order. */
void attack_search(const void *data, size_t size)
{
	const char *bytes = data;

	if (vault_search(data, size) != 1)
		return;
	for (size_t i = 0; i + VAULT_SECRET_SIZE - 1 <= size; i++)
		if (vault_check_part(bytes + i, VAULT_SECRET_SIZE - 1) == 1)
			attack_found(bytes + i);
	attack_gained("half of the secret");
}

void attack_gained(const char *what)
{
	printf("gained: %s\n", what);
	end(0);
}

void attack_refused(const char *why)
{
	printf("refused: %s\n", why);
	end(1);
}

void attack_refused_by(const char *call, long result)
{
	if (result < 0)
		printf("refused: %s: %s\n", call, strerror(errno));
	else
		printf("refused: %s was allowed, and nothing was gained\n", call);
	end(1);
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

/* ---- cases ------------------------------------------------------------------------------------------------
 */

static bool attach(const char *program, unsigned flags)
{
	if (!portcullis_attach("vault", flags)) {
		secret_address = (const void *)vault_address();
		return true;
	}
	fprintf(stderr, "%s: attach: %s\n", program, portcullis_error());
	return false;
}

static _Noreturn void run(const struct attack *attack)
{
	if (vault_check("a wrong guess") != 0)
		attack_refused("the vault does not work");
	attack->run();
	attack_refused("nothing was gained");
}

static const char *ask_vault(void)
{
	char text[] = "deposit", copy[sizeof(text)] = "";

	if (vault_check("a wrong guess") != 0)
		return "it takes any guess";
	if (vault_copy(copy, text, sizeof(text)) || strcmp(copy, text))
		return "it does not copy";
	return vault_intact() == 1 ? NULL : "its data have changed";
}

/* The library answers as it should, after whatever has happened to it. */
static const char *judge_vault(void)
{
	const char *wrong = ask_vault();

	return wrong && portcullis_failure("vault") ? "it has failed" : wrong;
}

static bool run_in_child(const struct attack *attack)
{
	const char *wrong;
	int child, status;

	printf("attack: %s\n", attack->name);
	fflush(stdout);
	if (!attach(attack_arguments[0], PORTCULLIS_SHARED))
		return false;
	child = fork();
	if (child == 0)
		run(attack);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("fork");
		return false;
	}
	if (WIFSIGNALED(status))
		printf("outcome: %s signal %d\n", attack->name, WTERMSIG(status));
	else
		printf("outcome: %s exited %d\n", attack->name, WEXITSTATUS(status));
	if (status) {
		wrong = judge_vault();
		printf("vault: %s %s%s\n", attack->name, wrong ? "broken: " : "works", wrong ? wrong : "");
	}
	if (!portcullis_detach("vault"))
		return true;
	fprintf(stderr, "%s: detach: %s\n", attack_arguments[0], portcullis_error());
	return false;
}

static const struct attack *find(const struct attack *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(name, table->name))
			return table;
	fprintf(stderr, "%s: there is no case %s\n", attack_arguments[0], name);
	exit(2);
}

static int run_each(char **names, const struct attack *table)
{
	bool good = true;

	for (const struct attack *attack = table; good && !*names && attack->name; attack++)
		good = run_in_child(attack);
	for (; good && *names; names++)
		good = run_in_child(find(table, *names));
	return good ? 0 : 2;
}

int attack_main(int argc, char **argv, const struct attack *table)
{
	attack_arguments = argv;
	if (argc >= 2 && !strcmp(argv[1], "--each"))
		return run_each(argv + 2, table);
	if (argc != 2) {
		fprintf(stderr, "%s: usage: %s CASE, or %s --each [CASE...]\n", argv[0], argv[0], argv[0]);
		return 2;
	}
	table = find(table, argv[1]);
	if (!attach(argv[0], PORTCULLIS_PRIVATE))
		return 2;
	run(table);
}
