"""Small programs and kernels as bytes: what the launcher's tests run without a compiler."""

import struct

IMAGE_ADDRESS = 0x100000     # of guest/abi/boot.h, where the flat kernel lies
BOOT_HEADER_OFFSET = 0x100   # of guest/abi/boot.h
BOOT_HEADER_SIZE = 80 + 512  # of struct boot_header; the kernel's 32-bit entry code follows

HANG = bytes.fromhex("fa" "f4" "ebfd")          # cli; 1: hlt; jmp 1b
SPIN = bytes.fromhex("ebfe")                    # 1: jmp 1b
TRIPLE_FAULT = bytes.fromhex("0f011c2500000000"  # lidt [0]: 16-bit zero limit where RAM is zero
                             "0f0b")            # ud2
EXIT_GOOD = bytes.fromhex("31ff" "b8e7000000" "0f05")  # xor edi, edi; mov eax, exit_group; syscall
CRASH = bytes.fromhex("891c2508000000")         # mov [8], ebx
FAIL = bytes.fromhex("bf02000000"               # write "lost my way" to standard error, exit with 7
                     "488d3518000000" "ba0c000000" "b801000000" "0f05"
                     "bf07000000" "b8e7000000" "0f05") + b"lost my way\n"
FLOOD = bytes.fromhex("488d3513000000" "ba10000000" "bf01000000"  # 1: write "flood, a flood!" to standard output, again and again
                      "b801000000" "0f05" "ebf7") + b"flood, a flood!\n"
MAGIC_BREAK = bytes.fromhex("6687db")           # xchg bx, bx: stops a Bochs that listens to it


def touch(pages):
    """Writes to so many pages of the stack, one after the other, and ends."""
    return (b"\xb9" + struct.pack("<I", pages)              # mov ecx, pages
            + bytes.fromhex("4881ec00100000" "48890c24"      # 1: sub rsp, 4096; mov [rsp], rcx
                            "ffc9" "75f1") + EXIT_GOOD)      # dec ecx; jnz 1b


def kernel(original, code):
    """The flat kernel `original` with `code` in place of its first instructions."""
    at = BOOT_HEADER_OFFSET + BOOT_HEADER_SIZE
    return original[:at] + code + original[at + len(code):]


def program(code):
    """A static ELF program for x86-64 of one page that executes `code`."""
    base, size = 0x400000, 64 + 56 + len(code)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + 120, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return header + load + code
