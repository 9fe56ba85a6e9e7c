# How the native platform is compiled and linked: here, and with one more backend by makefiles that include portcullis.mk.

# musl brings no headers of the kernel (linux/, asm/): the host's come last.
NATIVE_CODE := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -fPIE -fno-stack-protector -MMD -MP \
	-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu

musl_start = $(shell $(MUSL_CC) -print-file-name=$(1))

# Makes $@ of objects. It is linked where no program and no domain can be (NATIVE_TEXT in native.h). Only a position-independent
# executable may lie above 2 GiB, so it is one, with the start code that relocates itself (rcrt1.o), which musl-gcc leaves out;
# then e_type becomes ET_EXEC, so that the kernel puts it where it was linked.
define link_native
$(MUSL_CC) -static -nostartfiles -Wl,-pie,--no-dynamic-linker,-Ttext-segment=0x1fc000000000 -o $@.new \
	$(call musl_start,rcrt1.o) $(call musl_start,crti.o) $(1) $(call musl_start,crtn.o)
printf '\002' | dd of=$@.new bs=1 seek=16 conv=notrunc status=none
mv $@.new $@
endef
