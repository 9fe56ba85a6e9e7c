# Unit tests of the kernel's pure code as programs of the build machine: build/guest/tests/unit/test_*.
# Each prints a line for each case ("ok NAME" or "not ok NAME: why") and exits 1 when one failed. A random test takes its seed as
# the first argument, and prints the one it took.
#
# The kernel's string functions are renamed (rename.h), so that they do not replace the C library's; the direct map is
# memory that memory.c maps at DIRECT_MAP_BASE.

UNIT := $(BUILD)/guest/tests/unit
UNIT_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -fno-builtin -fno-strict-aliasing -fsanitize=undefined \
	-fno-sanitize-recover=undefined -Iguest -I. -DDIRECT_MAP_BASE=0x100000000000UL \
	-include guest/tests/unit/rename.h -MMD -MP
UNIT_KERNEL_SOURCES := $(wildcard guest/lib/*.c) \
	$(addprefix guest/mm/,frame.c heap.c memobj.c pagetable.c mapping.c)
UNIT_SUPPORT := guest/tests/unit/unit.c guest/tests/unit/memory.c
UNIT_OBJECTS := $(patsubst guest/%,$(UNIT)/guest/%.o,$(UNIT_KERNEL_SOURCES) $(UNIT_SUPPORT))
UNIT_TESTS := $(patsubst guest/tests/unit/%.c,$(UNIT)/%,$(wildcard guest/tests/unit/test_*.c))

$(UNIT)/guest/%.c.o: guest/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -c $< -o $@

$(UNIT)/kernel.a: $(UNIT_OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(UNIT)/test_%: $(UNIT)/guest/tests/unit/test_%.c.o $(UNIT)/kernel.a
	$(CC) -fsanitize=undefined -o $@ $^

# Parsers of bytes that anyone may have written: with the address sanitizer, too.
UNIT_PARSERS := cpio json

$(UNIT)/parser/%.c.o: guest/%.c
	@mkdir -p $(@D)
	$(CC) $(UNIT_CFLAGS) -fsanitize=address -c $< -o $@

$(UNIT_PARSERS:%=$(UNIT)/test_%): $(UNIT)/test_%: $(UNIT)/parser/tests/unit/test_%.c.o $(UNIT)/parser/fs/%.c.o \
		$(UNIT)/kernel.a
	$(CC) -fsanitize=address,undefined -o $@ $^

TESTS += $(UNIT_TESTS)
