/*
 * Entry of the RAM image: from 32-bit protected mode to kernel_main() in the higher half.
 *
 * The boot page tables map the first GiB of physical memory three times (at 0, DIRECT_MAP_BASE, KERNEL_BASE) with
 * 2 MiB pages; space_init() replaces them. Physical memory that a loader leaves after the image is zero (bss).
 */
#include "abi/boot.h"
#include "mm/layout.h"

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6      /* Multiboot2 specification 2.0, 3.1.1 */
#define MULTIBOOT2_TAG_END      0
#define MULTIBOOT2_TAG_ENTRY    3
#define MULTIBOOT2_TAG_ALIGN    6

#define PHYSICAL(symbol) ((symbol) - 0xffffffff80000000)

/* Fills the boot page tables. The same bytes are right in 32-bit and in 64-bit mode: `di` is EDI or RDI. */
.macro	build_tables di
	movl	$PHYSICAL(boot_pd), %edi        # 512 pages of 2 MiB
	movl	$0x83, %eax                     # present, writable, PS
	movl	$512, %ecx
1:	movl	%eax, (%\di)
	movl	$0, 4(%\di)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$PHYSICAL(boot_pdpt), %edi
	movl	$PHYSICAL(boot_pd) + 3, (%\di)
	movl	$PHYSICAL(boot_pd) + 3, 510 * 8(%\di)
	movl	$PHYSICAL(boot_pml4), %edi
	movl	$PHYSICAL(boot_pdpt) + 3, (%\di)
	movl	$PHYSICAL(boot_pdpt) + 3, 256 * 8(%\di)
	movl	$PHYSICAL(boot_pdpt) + 3, 511 * 8(%\di)
.endm

	.section .boot, "ax"
	.code32
	.globl	start
start:
	jmp	start32

	.balign	8
multiboot2:
	.long	MULTIBOOT2_HEADER_MAGIC, 0, multiboot2_end - multiboot2
	.long	-(MULTIBOOT2_HEADER_MAGIC + 0 + (multiboot2_end - multiboot2))
	.short	MULTIBOOT2_TAG_ENTRY, 0
	.long	12, IMAGE_ADDRESS
	.balign	8
	.short	MULTIBOOT2_TAG_ALIGN, 0         # modules page aligned
	.long	8
	.short	MULTIBOOT2_TAG_END, 0
	.long	8
multiboot2_end:

	.org	BOOT_HEADER_OFFSET
	.globl	boot_header
boot_header:
	.long	BOOT_MAGIC, BOOT_VERSION
	.quad	PHYSICAL(__file_end), PHYSICAL(__kernel_end), PHYSICAL(start_long)
	.fill	8 * 6, 1, 0                     # memory, archive, plan, ring
	.fill	BOOT_COMMAND_MAX, 1, 0

start32:
	cld
	movl	%eax, %ebp                      # entry magic
	build_tables edi

	movl	$BOOT_CR4, %eax
	movl	%eax, %cr4
	movl	$PHYSICAL(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx               # EFER; the CPU sets LMA
	movl	$BOOT_EFER & ~0x400, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$BOOT_CR0, %eax
	movl	%eax, %cr0
	lgdtl	PHYSICAL(boot_gdt_pointer)
	ljmpl	$8, $PHYSICAL(start64)

	.balign	8
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff              # 0x08: 64-bit code
	.quad	0x00cf93000000ffff              # 0x10: data
boot_gdt_pointer:
	.word	. - boot_gdt - 1
	.quad	PHYSICAL(boot_gdt)

	.code64
start_long:                                     # from a VMM
	cld
	movl	%eax, %ebp
	build_tables rdi
	movl	$PHYSICAL(boot_pml4), %eax
	movq	%rax, %cr3
	lgdt	PHYSICAL(boot_gdt_pointer)
start64:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	xorl	%eax, %eax
	movw	%ax, %fs
	movw	%ax, %gs
	movq	$boot_stack_top, %rsp
	movl	%ebp, %edi                      # kernel_main(magic, information)
	movl	%ebx, %esi
	xorl	%ebp, %ebp                      # ends the backtrace
	movabsq	$kernel_main, %rax
	call	*%rax
	ud2                                     # never returns

	.bss
	.balign	4096
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4096
boot_stack:
	.skip	16384
boot_stack_top:
