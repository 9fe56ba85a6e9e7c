/* Attacks by plain loads and stores: on every kind of memory that a library has. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "attack.h"
#include "portcullis/portcullis.h"
#include "vault.h"

static const char forged[VAULT_SECRET_SIZE] = "forgedforgedforg";

/* ---- loads ------------------------------------------------------------------------------------------------
 */

static void load_data(void)
{
	attack_read_secret();
}

static void load_heap(void)
{
	attack_found((const void *)vault_heap());
}

static void load_stack(void)
{
	attack_found((const void *)vault_stack());
}

/* The records of clients, of which only the library knows which one is whose. */
static void load_gate_data(void)
{
	uintptr_t domain = (uintptr_t)attack_secret_address() & -PORTCULLIS_DOMAIN_SIZE;
	const volatile struct portcullis_client *clients =
	        (const void *)(domain + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS);

	for (unsigned i = 0; i < PORTCULLIS_CLIENTS_MAX; i++)
		if (clients[i].id && vault_check_client(clients[i].id) == 1)
			attack_gained("the number of a client");
}

/* ---- stores -----------------------------------------------------------------------------------------------
 */

static void store_data(void)
{
	memcpy((void *)vault_address(), forged, sizeof(forged));
	attack_found(forged);
}

static void store_heap(void)
{
	memcpy((void *)vault_heap(), forged, sizeof(forged));
	if (vault_check_heap(forged) == 1)
		attack_gained("a secret of one's own");
}

static void *hold(void *result)
{
	*(long *)result = vault_hold(forged, 100);
	return NULL;
}

/* Of a thread that is inside. */
static void store_stack(void)
{
	pthread_t thread;
	long result = 0;

	if (pthread_create(&thread, NULL, hold, &result))
		attack_refused("pthread_create");
	while (!vault_held())
		;
	memcpy((void *)vault_held(), forged, sizeof(forged));
	pthread_join(thread, NULL);
	if (result == 1)
		attack_gained("a local variable of the library");
}

/* Text, read-only data and gate data are read-only for the library itself. */
static void store_text(void)
{
	*(volatile char *)vault_text() = 0;
	attack_gained("the library's text");
}

static const struct attack attacks[] = {
        {"load-data", load_data},           {"load-heap", load_heap},   {"load-stack", load_stack},
        {"load-gate-data", load_gate_data}, {"store-data", store_data}, {"store-heap", store_heap},
        {"store-stack", store_stack},       {"store-text", store_text}, {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
