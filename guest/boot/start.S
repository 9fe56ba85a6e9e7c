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
	.quad	PHYSICAL(__file_end), PHYSICAL(__kernel_end)
	.fill	8 * 5, 1, 0                     # memory, archive, plan
	.fill	BOOT_COMMAND_MAX, 1, 0

start32:
	cld
	movl	%eax, %ebp                      # entry magic
	movl	$PHYSICAL(boot_pd), %edi        # 512 pages of 2 MiB
	movl	$0x83, %eax                     # present, writable, PS
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	movl	$0, 4(%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$PHYSICAL(boot_pd) + 3, PHYSICAL(boot_pdpt)
	movl	$PHYSICAL(boot_pd) + 3, PHYSICAL(boot_pdpt) + 510 * 8
	movl	$PHYSICAL(boot_pdpt) + 3, PHYSICAL(boot_pml4)
	movl	$PHYSICAL(boot_pdpt) + 3, PHYSICAL(boot_pml4) + 256 * 8
	movl	$PHYSICAL(boot_pdpt) + 3, PHYSICAL(boot_pml4) + 511 * 8

	movl	$0x20, %eax                     # CR4.PAE
	movl	%eax, %cr4
	movl	$PHYSICAL(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx               # EFER: LME, NXE, SCE
	movl	$0x901, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010033, %eax               # CR0: PG, WP, NE, ET, MP, PE
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
	.long	PHYSICAL(boot_gdt)

	.code64
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
