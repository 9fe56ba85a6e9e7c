#include "pku/weaken.h"

#include "options.h"
#include "pku/gate_values.h"

#define OPCODE_CMP_EAX 0x3d /* imm32 */
#define OPCODE_NOP     0x90

static const uint8_t wrpkru[] = {0x0f, 0x01, 0xef};

/* The conditional jump at `code` becomes no jump. */
static void remove_jump(uint8_t *code)
{
	bool near = code[0] == 0x0f && (code[1] & 0xf0) == 0x80;

	kassert(near || (code[0] & 0xf0) == 0x70);
	memset(code, OPCODE_NOP, near ? 6 : 2);
}

void weaken_gate(void *gate, size_t size)
{
	bool no_rights_check = option_holds("weaken", "rights-check");
	bool no_index_check = option_holds("weaken", "index-check");
	const uint32_t count = PLACEHOLDER_COUNT;
	uint8_t *code = gate;

	for (size_t i = sizeof(wrpkru); i + 5 < size; i++) {
		if (code[i] != OPCODE_CMP_EAX)
			continue;
		if ((no_rights_check && !memcmp(code + i - sizeof(wrpkru), wrpkru, sizeof(wrpkru))) ||
		    (no_index_check && !memcmp(code + i + 1, &count, sizeof(count))))
			remove_jump(code + i + 5);
	}
}
