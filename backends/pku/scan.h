/*
 * Stray instructions: byte sequences in executable memory, at any alignment, that a processor decodes as one
 * that can write PKRU. Pure logic, for the kernel and the host.
 *
 * What is looked for (SDM vol. 2: WRPKRU, XRSTOR, XRSTORS; opcode maps in its appendix A):
 *
 *   WRPKRU   0F 01 EF
 *   XRSTOR   0F AE /5, ModRM.mod != 3 (with mod = 3 it is LFENCE or INCSSP)
 *   XRSTORS  0F C7 /3, ModRM.mod != 3 (privileged: matters to a backend that runs libraries in ring 0)
 *
 * Where it may start. An execute breakpoint matches the linear address of an instruction's first byte,
 * prefixes included (SDM vol. 3B, 17.2.5), and an attacker may jump to any byte. So with prefix bytes P in
 * front,
 *
 *   P3 P2 P1 0F 01 EF
 *
 * can be entered at P3, P2, P1 and 0F, and each of the four addresses needs its own guard. Prefixes are 26 2E
 * 36 3E 64 65 (segment), 67 (address size) and 40-4F (REX; one that is not last is ignored by the processor).
 * 66, F2 and F3 are documented to raise #UD on these three ("NP" in their opcode column), and are counted all
 * the same: a guard too many costs little, a processor that ignores them would cost everything. F0 (LOCK)
 * raises #UD on every processor, and ends the prefixes. An instruction has at most 15 bytes (SDM vol.
 * 2A, 2.3.11), which leaves room for 12 prefixes before these three.
 */
#ifndef PKU_SCAN_H
#define PKU_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRAY_OPCODE_FIRST 0x0f
#define STRAY_OPCODE_SIZE  3
#define STRAY_PREFIXES_MAX 12

/* Bytes behind the text that can belong to an instruction that starts in it. */
#define STRAY_AFTER_SIZE (STRAY_PREFIXES_MAX + STRAY_OPCODE_SIZE - 1)

enum stray_kind { STRAY_WRPKRU, STRAY_XRSTOR, STRAY_XRSTORS };

/*
 * The text to scan, as a rule one page, and the up to STRAY_AFTER_SIZE bytes that follow it in the address
 * space. after_size is 0 when what follows is not executable: then no instruction can run across the border.
 * Whoever makes it executable or maps something else there scans the page before it again. Nothing is needed
 * of the page before: what starts there belongs to its scan.
 */
struct stray_text {
	const uint8_t *bytes;
	size_t size;
	const uint8_t *after;
	size_t after_size;
};

/* One occurrence. Every offset in [first, last] is the start of an instruction of this kind. */
struct stray {
	enum stray_kind kind;
	size_t first; /* of the earliest prefix in the text, or `last` if there is none */
	size_t last;  /* of 0F, or of the text's last byte when 0F lies behind the text */
};

/*
 * The next occurrence with a start in the text, in ascending order. *cursor is 0 for the first call and
 * advances. False: there is none.
 */
bool stray_next(const struct stray_text *text, size_t *cursor, struct stray *found);

#endif
