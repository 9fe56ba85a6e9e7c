#include "image/unwind.h"

#include <stddef.h>
#include <string.h>

/* Numbers of registers (System V ABI, AMD64 supplement, figure 3.36). */
#define RBX           3
#define RBP           6
#define RSP           7
#define RETURN        16
#define REGISTERS_MAX 17

#define ENCODINGS      0x3b031b01 /* of .eh_frame_hdr, version 1: pcrel, udata4, datarel sdata4 */
#define REMEMBERED_MAX 4

/* The two high bits of an instruction, or the whole of it. */
#define CFA_ADVANCE            0x40
#define CFA_OFFSET             0x80
#define CFA_RESTORE            0xc0
#define CFA_NOP                0x00
#define CFA_ADVANCE_1          0x02
#define CFA_ADVANCE_2          0x03
#define CFA_ADVANCE_4          0x04
#define CFA_REMEMBER           0x0a
#define CFA_RESTORE_REMEMBERED 0x0b
#define CFA_DEFINE             0x0c
#define CFA_DEFINE_REGISTER    0x0d
#define CFA_DEFINE_OFFSET      0x0e
#define CFA_ARGUMENTS_SIZE     0x2e

/* How the caller's frame is found at one instruction of a function. */
struct rules {
	uint64_t base, offset;        /* canonical frame address: register + offset */
	int64_t saved[REGISTERS_MAX]; /* distance from there; 0: the register is as it was */
};

/* Call-frame instructions in the library's memory, which is read with the library's rights. */
struct cursor {
	uint64_t at, end;
	bool failed; /* by reading what is not there, or an instruction that is not known */
	const struct unwind_image *image;
};

/* The heads of the two kinds of records. */
struct common {
	uint32_t length;
	uint8_t head[13];
} __attribute__((packed));

struct function {
	uint32_t length, to_common; /* from this word back to the common record */
	int32_t start;              /* from this word */
	uint32_t size;
	uint8_t augmentation;
} __attribute__((packed));

/*
 * The one common head that compilers write for C: version 1, "zR", factors 1 and -8, return address in
 * register 16, one byte of augmentation, which says that addresses are 32-bit distances.
 */
static const uint8_t common_head[13] = {0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, RETURN, 1, 0x1b};

/* A little-endian number of `size` bytes. */
static uint64_t number(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	if (cursor->at + size > cursor->end || !cursor->image->read(&value, cursor->at, size))
		cursor->failed = true;
	cursor->at += size;
	return value;
}

/* LEB128 (DWARF 5, 7.6). */
static uint64_t unsigned_of(struct cursor *cursor)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;

	do {
		byte = number(cursor, 1);
		if (shift < 63)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !cursor->failed);
	return value;
}

static int64_t *saved_of(struct cursor *cursor, struct rules *rules, uint64_t number)
{
	if (number < REGISTERS_MAX)
		return &rules->saved[number];
	cursor->failed = true;
	return &rules->saved[RETURN];
}

/* Executes call-frame instructions up to the row that holds `pc`; `location` is that of the first one. */
static void execute(struct cursor *cursor, struct rules *rules, const struct rules *initial,
                    uint64_t location, uint64_t pc)
{
	struct rules remembered[REMEMBERED_MAX];
	unsigned depth = 0;

	while (cursor->at < cursor->end && !cursor->failed && location <= pc) {
		uint64_t code = number(cursor, 1), low = code & 0x3f;

		switch (code & 0xc0 ? code & 0xc0 : code) {
		case CFA_ADVANCE:
			location += low;
			break;
		case CFA_OFFSET:
			*saved_of(cursor, rules, low) = -8 * (int64_t)unsigned_of(cursor);
			break;
		case CFA_RESTORE:
			if (low < REGISTERS_MAX)
				rules->saved[low] = initial->saved[low];
			break;
		case CFA_ADVANCE_1:
		case CFA_ADVANCE_2:
			location += number(cursor, code - 1);
			break;
		case CFA_ADVANCE_4:
			location += number(cursor, 4);
			break;
		case CFA_REMEMBER:
			cursor->failed |= depth == REMEMBERED_MAX;
			if (!cursor->failed)
				remembered[depth++] = *rules;
			break;
		case CFA_RESTORE_REMEMBERED:
			cursor->failed |= depth == 0;
			if (!cursor->failed)
				*rules = remembered[--depth];
			break;
		case CFA_DEFINE:
			rules->base = unsigned_of(cursor);
			rules->offset = unsigned_of(cursor);
			break;
		case CFA_DEFINE_REGISTER:
			rules->base = unsigned_of(cursor);
			break;
		case CFA_DEFINE_OFFSET:
			rules->offset = unsigned_of(cursor);
			break;
		case CFA_ARGUMENTS_SIZE:
			unsigned_of(cursor);
			break;
		case CFA_NOP:
			break;
		default:
			cursor->failed = true;
		}
	}
}

/* The record of the last function that starts at or below `pc`, 0: none. */
static uint64_t find_record(const struct unwind_image *image, uint64_t pc)
{
	uint64_t table = image->table;
	struct {
		uint32_t encodings;
		int32_t frames;
		uint32_t count;
	} head;
	struct {
		int32_t start, record; /* from the table's first byte */
	} entry;
	uint64_t low = 0, high, record = 0;

	if (!image->read(&head, table, sizeof(head)) || head.encodings != ENCODINGS)
		return 0;
	for (high = head.count; low < high;) {
		uint64_t middle = (low + high) / 2;

		if (!image->read(&entry, table + sizeof(head) + middle * sizeof(entry), sizeof(entry)))
			return 0;
		if (table + (uint64_t)entry.start <= pc) {
			record = table + (uint64_t)entry.record;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return record;
}

/* The rules at `pc`. False: nothing is known about it. */
static bool find_rules(const struct unwind_image *image, uint64_t pc, struct rules *rules)
{
	uint64_t record = find_record(image, pc), common_at, start;
	struct function function;
	struct common common;
	struct cursor cursor = {.image = image};
	struct rules initial = {0};

	if (!record || !image->read(&function, record, sizeof(function)) || function.augmentation)
		return false;
	start = record + offsetof(struct function, start) + (uint64_t)function.start;
	common_at = record + offsetof(struct function, to_common) - function.to_common;
	if (pc - start >= function.size || !image->read(&common, common_at, sizeof(common)) ||
	    memcmp(common.head, common_head, sizeof(common_head)))
		return false;
	*rules = initial;
	cursor.at = common_at + sizeof(common);
	cursor.end = common_at + 4 + common.length;
	execute(&cursor, rules, &initial, pc, pc);
	initial = *rules;
	cursor.at = record + sizeof(function);
	cursor.end = record + 4 + function.length;
	execute(&cursor, rules, &initial, start, pc);
	return !cursor.failed;
}

/* From a function to its caller. One that nothing is known about is taken for a leaf without a frame, if it
 * may be one. */
static bool step(const struct unwind_image *image, struct unwind_registers *regs, bool is_leaf)
{
	const struct {
		uint64_t *place;
		unsigned number;
	} restored[] = {{&regs->rbx, RBX}, {&regs->rbp, RBP}, {&regs->r12, 12},    {&regs->r13, 13},
	                {&regs->r14, 14},  {&regs->r15, 15},  {&regs->rip, RETURN}};
	struct rules rules = {0};
	uint64_t frame;

	if (!find_rules(image, is_leaf ? regs->rip : regs->rip - 1, &rules)) {
		if (!is_leaf)
			return false;
		rules = (struct rules){.base = RSP, .offset = 8, .saved[RETURN] = -8};
	}
	frame = (rules.base == RSP ? regs->rsp : regs->rbp) + rules.offset;
	if ((rules.base != RSP && rules.base != RBP) || frame <= regs->rsp)
		return false;
	regs->rsp = frame;
	for (unsigned i = 0; i < sizeof(restored) / sizeof(restored[0]); i++) {
		int64_t distance = rules.saved[restored[i].number];

		if (distance && !image->read(restored[i].place, frame + (uint64_t)distance, sizeof(uint64_t)))
			return false;
	}
	return true;
}

bool unwind_call(const struct unwind_image *image, struct unwind_registers *regs)
{
	bool is_leaf = true;

	do {
		if (!step(image, regs, is_leaf))
			return false;
		is_leaf = false;
	} while (regs->rip - image->start < image->size);
	return true;
}
