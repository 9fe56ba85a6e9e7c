/*
 * The reset ROM: from the first instruction after reset (SDM vol. 3A, 10.1.4) to the RAM image's entry in 32-bit
 * protected mode. It uses no RAM at all; its descriptor table lies in the ROM.
 */
#include "abi/boot.h"

#define CR0_PE     1
#define BLOCK_SIZE 0x20000 /* of Bochs guest memory: 128 KiB */

	.section .reset, "ax"
	.code16
	.globl	reset
reset:
	jmp	start16                         # CS base is 0xffff0000: stays in this ROM

	.text
	.code16
rom_start:
start16:
	cli
	inb	$0x92, %al                      # system control port A
	orb	$2, %al                         # A20 on
	andb	$0xfe, %al                      # bit 0 would reset the machine
	outb	%al, $0x92
	lgdtl	%cs:(gdt_pointer - rom_start)
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$8, $start32

	.code32
start32:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs

	/*
	 * Bochs 2.7 gives guest memory to blocks in the order of their first use, but has read the whole image into the first
	 * block and what lies behind it: the blocks must be used in ascending order, before any other memory.
	 */
	movl	$IMAGE_ADDRESS, %ecx
	movl	$IMAGE_ADDRESS + BOOT_HEADER_OFFSET + BOOT_HEADER_MEMORY, %ebx
	movl	4(%ebx), %edx
	movl	(%ebx), %ebx                    # EDX:EBX: bytes of RAM
	testl	%edx, %edx
	jz	1f
	movl	$0xc0000000, %ebx               # more than 4 GiB: up to the device hole
1:	movl	(%ecx), %eax
	addl	$BLOCK_SIZE, %ecx
	cmpl	%ebx, %ecx
	jb	1b

	movl	$BOOT_ENTRY_MAGIC, %eax
	xorl	%ebx, %ebx
	movl	$IMAGE_ADDRESS, %ecx
	jmp	*%ecx

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff              # 0x08: 32-bit code, flat
	.quad	0x00cf93000000ffff              # 0x10: data, flat
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
