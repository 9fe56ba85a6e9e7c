#include "channel.h"

#include "abi/ring.h"
#include "mm/frame.h"
#include "x86/boot_info.h"
#include "x86/cpu.h"

#include <stdarg.h>

#define COM1            0x3f8
#define COM_LINE_STATUS 5
#define COM_THR_EMPTY   0x20
#define COM_SPIN_LIMIT  1000000 /* polls before a transmitter that is never ready is given up */

static struct ring *ring;
static bool have_debug_console;
static uint32_t sequence;

static void serial_init(void)
{
	outb(COM1 + 1, 0);    /* no interrupts */
	outb(COM1 + 3, 0x80); /* divisor latch */
	outb(COM1 + 0, 1);    /* 115200 baud */
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3); /* 8 bits, no parity, one stop bit */
	outb(COM1 + 2, 7); /* FIFOs on and cleared */
}

void channel_init(void)
{
	if (boot_header.ring)
		ring = phys_to_virt(boot_header.ring);
	else
		have_debug_console = inb(PORT_DEBUG_CONSOLE) == PORT_DEBUG_CONSOLE;
	if (!ring && !have_debug_console)
		serial_init();
}

static void put_ring(char byte)
{
	uint32_t head = ring->head;

	if (head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == RING_SIZE)
		outb(PORT_RING, 0);
	ring->data[head % RING_SIZE] = byte;
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
}

void channel_hold(void)
{
	if (ring)
		outb(PORT_RING, RING_HOLD);
}

static void put(char byte)
{
	if (ring) {
		put_ring(byte);
		return;
	}
	if (have_debug_console) {
		outb(PORT_DEBUG_CONSOLE, (uint8_t)byte);
		return;
	}
	for (unsigned spin = 0; spin < COM_SPIN_LIMIT; spin++)
		if (inb(COM1 + COM_LINE_STATUS) & COM_THR_EMPTY)
			break;
	outb(COM1, (uint8_t)byte);
}

static void put_string(const char *text)
{
	while (*text)
		put(*text++);
}

void channel_console(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(text[i] == LINK_MARK ? '?' : text[i]);
}

void channel_line(char type, const char *payload, size_t size)
{
	char head[16], tail[16];
	uint32_t crc;

	snprintf(head, sizeof(head), "%c%u ", type, sequence++);
	crc = crc32(0, head, strlen(head));
	put(LINK_MARK);
	put_string(head);
	for (size_t i = 0; i < size; i++) {
		char byte = (unsigned char)payload[i] < 0x20 ? ' ' : payload[i];

		crc = crc32(crc, &byte, 1);
		put(byte);
	}
	snprintf(tail, sizeof(tail), " %08x\n", crc);
	put_string(tail);
}

void kprintf(const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	channel_console(text, strlen(text));
}
