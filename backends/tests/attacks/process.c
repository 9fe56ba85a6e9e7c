/* Attacks by new threads, processes and programs while a thread of the process is inside the library. */
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"
#include "vault.h"

static void *stay(void *unused)
{
	vault_hold("a wrong guess", 500);
	return unused;
}

/* From here on a thread is inside, which lets others run. */
static void go_inside(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay, NULL))
		attack_refused("pthread_create");
	while (!vault_held())
		sched_yield();
}

static void *read_secret(void *unused)
{
	(void)unused;
	attack_read_secret();
}

static void thread(void)
{
	pthread_t other;

	go_inside();
	if (pthread_create(&other, NULL, read_secret, NULL))
		attack_refused("pthread_create");
	pthread_join(other, NULL);
}

static void forked(void)
{
	int child;

	go_inside();
	child = fork();
	if (child == 0)
		attack_read_secret();
	attack_end_like(child);
}

/* The child has the parent's memory itself. */
static void vforked(void)
{
	int child;

	go_inside();
	child = vfork();
	if (child == 0)
		attack_read_secret();
	attack_end_like(child);
}

/* "read" attaches for itself, which is no crime, and reads. */
static void executed(void)
{
	go_inside();
	execl(attack_arguments[0], attack_arguments[0], "read", NULL);
	attack_refused("execl");
}

static void spawned(void)
{
	char *words[] = {attack_arguments[0], "read", NULL};
	int child;

	go_inside();
	if (posix_spawn(&child, attack_arguments[0], NULL, NULL, words, NULL))
		attack_refused("posix_spawn");
	attack_end_like(child);
}

/* The process ends; the library must go on for others. */
static void exited(void)
{
	go_inside();
	attack_refused("the process ends");
}

static void crashed(void)
{
	go_inside();
	*(volatile char *)NULL = 0;
}

static const struct attack attacks[] = {
        {"thread", thread},     {"forked", forked},           {"vforked", vforked},
        {"executed", executed}, {"spawned", spawned},         {"exited", exited},
        {"crashed", crashed},   {"read", attack_read_secret}, {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
