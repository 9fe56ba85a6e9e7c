# Protected libraries: the two runtimes, the image rule, and the tests of both.

PORTCULLIS_HEADERS := backends/include
MKIMAGE := backends/tools/mkimage
MKIMAGE_SOURCES := $(MKIMAGE) $(wildcard backends/tools/imagerule/*.py)

LIBRARY_RUNTIME := $(BUILD)/backends/library.a
PROGRAM_RUNTIME := $(BUILD)/backends/libportcullis.a
# Both interfaces over plain libc, for programs that link a library's objects directly.
DIRECT_RUNTIME := $(BUILD)/program/backends/runtime/direct.c.o

include backends/rules.mk

# The runtime's own loops must not become calls of the functions that they implement.
$(BUILD)/image/backends/library/%.o: IMAGE_CFLAGS += -Ibackends -fno-builtin -fno-tree-loop-distribute-patterns \
	-mgeneral-regs-only

$(LIBRARY_RUNTIME): $(patsubst %,$(BUILD)/image/%.o,$(wildcard backends/library/*.[cS]) backends/common/system_call.S)
$(PROGRAM_RUNTIME): $(patsubst %,$(BUILD)/program/%.o,backends/runtime/attach.c backends/common/system_call.S)
$(LIBRARY_RUNTIME) $(PROGRAM_RUNTIME):
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $^

# Tests on the host, one suite each in backends/tests/host.suite.
BACKEND_TESTS := $(BUILD)/tests/backends
BACKEND_TEST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -Ibackends -Ibackends/include -MMD -MP
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/image/backends/tests/%.o: IMAGE_CFLAGS += -Ibackends/tests
$(eval $(call portcullis_image,probe,backends/tests/probe.exports,$(BUILD)/image/backends/tests/probe.c.o))

$(BACKEND_TESTS)/heap_test: backends/tests/heap_test.c backends/library/heap.c
$(BACKEND_TESTS)/scan_test: backends/tests/scan_test.c backends/pku/scan.c
$(BACKEND_TESTS)/parse_test: backends/tests/parse_test.c backends/image/parse.c
$(BACKEND_TESTS)/fuzz_image: backends/tests/fuzz_image.c backends/image/parse.c
$(BACKEND_TESTS)/string_test: BACKEND_TEST_CFLAGS += -fno-builtin
$(BACKEND_TESTS)/string_test: backends/tests/string_test.c $(BUILD)/image/backends/tests/strings.o
$(BACKEND_TESTS)/%_test $(BACKEND_TESTS)/fuzz_%:
	@mkdir -p $(@D)
	$(CC) $(BACKEND_TEST_CFLAGS) $(SANITIZE) -o $@ $(filter %.c %.o,$^)

# The C functions of images as they are built for images, under names that leave the host's in peace.
$(BUILD)/image/backends/tests/strings.o: $(patsubst %,$(BUILD)/image/backends/library/%.c.o,memory string)
	@mkdir -p $(@D)
	ld -r -o $@ $^
	objcopy --prefix-symbols=image_ $@

LOAD_TEST_OBJECTS := $(patsubst %,$(BUILD)/program/backends/%.c.o,tests/load_test tests/host_kernel image/parse) \
	$(BUILD)/images/counter_stubs.o $(BUILD)/images/probe_stubs.o
$(LOAD_TEST_OBJECTS): PROGRAM_CFLAGS += -Ibackends -Iworkloads/examples/counter
$(BACKEND_TESTS)/load_test: $(LOAD_TEST_OBJECTS) $(PROGRAM_RUNTIME) | $(BUILD)/images/counter.image $(BUILD)/images/probe.image
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^

# The example, linked with the library's objects directly.
$(BACKEND_TESTS)/count_direct: $(BUILD)/program/workloads/examples/counter/count.c.o \
		$(BUILD)/image/workloads/examples/counter/counter.c.o $(DIRECT_RUNTIME)
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^

TESTS += $(patsubst %,$(BACKEND_TESTS)/%,heap_test scan_test parse_test fuzz_image string_test load_test count_direct)

include $(wildcard backends/tests/*/build.mk)
include backends/native/build.mk
