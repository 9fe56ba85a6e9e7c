/* The stack on its device. */
#include "stack.h"

#include <errno.h>
#include <string.h>

#include "buffers.h"
#include "common/border.h"
#include "common/random.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "socket.h"
#include "wire/recorder.h"
#include "wire/wire.h"

#define FRAMES_AT_ONCE   256 /* that one entrance takes from the device */
#define PREFIX_LENGTH    24
#define TICKS_PER_MS_MAX 1000000000
#define PAGE             4096

struct stack stack;

static struct netif interface;
static struct random random_numbers;
static uint64_t started, ticks_per_ms;

/* ---- what lwIP asks of its environment --------------------------------------------------------------------
 */

u32_t sys_now(void)
{
	return (u32_t)((ticks_now() - started) / ticks_per_ms);
}

uint32_t stack_random(void)
{
	return (uint32_t)random_next(&random_numbers);
}

int stack_copy_in(void *to, const void *application, size_t size)
{
	stack.statistics.copied_in += size;
	if (border_is_open()) {
		memcpy(to, application, size);
		return 0;
	}
	return portcullis_copy_in(to, application, size);
}

int stack_copy_out(void *application, const void *from, size_t size)
{
	stack.statistics.copied_out += size;
	if (border_is_open()) {
		memcpy(application, from, size);
		return 0;
	}
	return portcullis_copy_out(application, from, size);
}

bool stack_can_read(const void *application, size_t size)
{
	const char *at = application;
	char byte;

	if (border_is_open())
		return true;
	if (!portcullis_in_application(application, size))
		return false;
	for (size_t offset = 0; offset < size; offset += PAGE)
		if (portcullis_copy_in(&byte, at + offset, 1))
			return false;
	return size == 0 || !portcullis_copy_in(&byte, at + size - 1, 1);
}

/*
 * lwIP's MEMCPY: tcp_write() copies with it from the buffer that the application has named. Memory that went
 * away since it was checked reads as zeroes, and the connection is cut.
 */
void *stack_copy(void *to, const void *from, size_t size)
{
	if (!portcullis_in_application(from, size))
		return memcpy(to, from, size);
	if (stack_copy_in(to, from, size)) {
		memset(to, 0, size);
		stack.copy_failed = true;
	}
	return to;
}

int stack_error(err_t error)
{
	static const int numbers[] = {
	        [-ERR_OK] = 0,
	        [-ERR_MEM] = -ENOMEM,
	        [-ERR_BUF] = -ENOMEM,
	        [-ERR_TIMEOUT] = -ETIMEDOUT,
	        [-ERR_RTE] = -ENETUNREACH,
	        [-ERR_INPROGRESS] = -EINPROGRESS,
	        [-ERR_VAL] = -EINVAL,
	        [-ERR_WOULDBLOCK] = -EAGAIN,
	        [-ERR_USE] = -EADDRINUSE,
	        [-ERR_ALREADY] = -EALREADY,
	        [-ERR_ISCONN] = -EISCONN,
	        [-ERR_CONN] = -ENOTCONN,
	        [-ERR_IF] = -ENETDOWN,
	        [-ERR_ABRT] = -ECONNABORTED,
	        [-ERR_RST] = -ECONNRESET,
	        [-ERR_CLSD] = -EPIPE,
	        [-ERR_ARG] = -EINVAL,
	};

	return numbers[-error];
}

/* ---- the device -------------------------------------------------------------------------------------------
 */

static bool reclaim(void)
{
	struct pbuf *sent;
	bool some = false;

	while ((sent = device_sent())) {
		pbuf_free(sent);
		some = true;
	}
	return some;
}

static int send_chain(struct pbuf *frame)
{
	struct device_segment segments[DEVICE_SEGMENTS_MAX];
	unsigned count = 0;
	int error;

	for (struct pbuf *part = frame; part; part = part->next) {
		if (count == DEVICE_SEGMENTS_MAX)
			return -EINVAL;
		segments[count++] = (struct device_segment){part->payload, part->len};
	}
	pbuf_ref(frame);
	error = device_send(segments, count, frame);
	if (error == -EAGAIN && reclaim())
		error = device_send(segments, count, frame);
	if (error)
		pbuf_free(frame);
	return error;
}

/* The netif's linkoutput. */
static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
	int error = send_chain(frame);

	(void)netif;
	if (error == -EINVAL) { /* parts elsewhere than in packet memory */
		struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, frame);

		error = copy ? send_chain(copy) : -EAGAIN;
		if (copy)
			pbuf_free(copy);
	}
	if (error == -EAGAIN)
		stack.output_waits = true;
	return error == -EAGAIN ? ERR_MEM : error ? ERR_IF : ERR_OK;
}

static err_t set_up_interface(struct netif *netif)
{
	netif->name[0] = 'w';
	netif->name[1] = 'i';
	netif->output = etharp_output;
	netif->linkoutput = send_frame;
	netif->mtu = DEVICE_MTU;
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, device_address(), ETH_HWADDR_LEN);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

bool stack_work(void)
{
	struct pbuf *frame;

	reclaim();
	if (stack.output_waits) {
		stack.output_waits = false;
		tcp_txnow();
	}
	buffers_supply(DEVICE_SUPPLY_MAX);
	for (unsigned i = 0; i < FRAMES_AT_ONCE && (frame = buffers_receive()); i++) {
		if (interface.input(frame, &interface) != ERR_OK)
			pbuf_free(frame);
		buffers_supply(1);
	}
	sys_check_timeouts();
	if (stack.starving)
		sockets_feed();
	if (device_link() != DEVICE_LINK_GONE)
		return true;
	sockets_fail(-ENETDOWN);
	return false;
}

/* ---- entry points -----------------------------------------------------------------------------------------
 */

static int check(const struct net_configuration *configuration)
{
	if (configuration->end > 1 || configuration->checksums > 1 || configuration->ticks_per_ms == 0 ||
	    configuration->ticks_per_ms > TICKS_PER_MS_MAX || configuration->address == 0)
		return -EINVAL;
	return configuration->record > RECORDER_MAX ? -EINVAL : 0;
}

static int open_device(const struct net_configuration *configuration)
{
	const struct wire_link link = {
	        .latency = configuration->latency,
	        .reorder_delay = configuration->reorder_delay,
	        .loss = configuration->loss,
	        .reorder = configuration->reorder,
	        .bandwidth = configuration->bandwidth,
	        .seed = configuration->seed,
	};
	int error = wire_open(configuration->wire, configuration->end, &link);

	if (!error && configuration->record)
		error = recorder_open(configuration->record);
	return error;
}

static int open(const struct net_configuration *configuration)
{
	ip4_addr_t address, mask, none = {0};
	int error = check(configuration);

	if (!error)
		error = open_device(configuration);
	if (error)
		return error;
	started = ticks_now();
	ticks_per_ms = configuration->ticks_per_ms;
	random_seed(&random_numbers, configuration->seed + configuration->end);
	buffers_open();
	lwip_init();
	address.addr = lwip_htonl(configuration->address);
	mask.addr = lwip_htonl(~0U << (32 - PREFIX_LENGTH));
	netif_add(&interface, &address, &mask, &none, NULL, set_up_interface, ethernet_input);
	NETIF_SET_CHECKSUM_CTRL(&interface, configuration->checksums ? NETIF_CHECKSUM_ENABLE_ALL
	                                                             : NETIF_CHECKSUM_DISABLE_ALL);
	netif_set_default(&interface);
	netif_set_up(&interface);
	stack.open = true;
	return 0;
}

int net_open(const struct net_configuration *configuration)
{
	struct net_configuration copy;
	int error = portcullis_copy_in(&copy, configuration, sizeof(copy));

	if (error)
		return error;
	stack_enter();
	return (int)stack_leave(stack.open ? -EBUSY : open(&copy));
}

static long get_statistics(struct net_statistics *to)
{
	const struct device_statistics *device = device_statistics();
	struct net_statistics *all = &stack.statistics;

	all->frames_sent = device->frames_sent;
	all->bytes_sent = device->bytes_sent;
	all->frames_received = device->frames_received;
	all->bytes_received = device->bytes_received;
	all->frames_lost = device->frames_lost;
	all->frames_reordered = device->frames_reordered;
	all->frames_dropped = device->frames_dropped;
	all->frames_left_out = recorder_left_out();
	return portcullis_copy_out(to, all, sizeof(*all));
}

int net_statistics(struct net_statistics *statistics)
{
	return (int)stack_leave(stack_enter() ? get_statistics(statistics) : -ENODEV);
}

static long get_recorded(void *to, size_t size)
{
	size_t waiting;
	const void *from = recorder_waiting(&waiting);

	if (size > waiting)
		size = waiting;
	if (portcullis_copy_out(to, from, size))
		return -EFAULT;
	recorder_drop(size);
	return (long)size;
}

long net_recorded(void *to, size_t size)
{
	return stack_leave(stack_enter() ? get_recorded(to, size) : -ENODEV);
}
