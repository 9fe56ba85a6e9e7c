# Protected libraries: the two runtimes, the image rule, and the tests of both.
#
# For the build.mk of a library and its programs:
#
#   $(eval $(call portcullis_image,NAME,EXPORTS,OBJECTS))      build/images/NAME.image and build/images/NAME_stubs.o
#   $(eval $(call portcullis_program,NAME,OBJECTS,LIBRARIES))  build/programs/NAME, linked with the stubs of LIBRARIES
#
# build/image/PATH.c.o is PATH.c compiled for an image, build/program/PATH.c.o for a program.

IMAGE_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -fPIC -fno-stack-protector -fcf-protection=none -ffunction-sections \
	-fdata-sections -Ibackends/include -MMD -MP
PROGRAM_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -ffunction-sections -fdata-sections -Ibackends/include -MMD -MP

MKIMAGE := backends/tools/mkimage
MKIMAGE_SOURCES := $(MKIMAGE) $(wildcard backends/tools/imagerule/*.py)

LIBRARY_RUNTIME := $(BUILD)/backends/library.a
PROGRAM_RUNTIME := $(BUILD)/backends/libportcullis.a
# Both interfaces over plain libc, for programs that link a library's objects directly.
DIRECT_RUNTIME := $(BUILD)/program/backends/runtime/direct.c.o

# The runtime's own loops must not become calls of the functions that they implement.
$(BUILD)/image/backends/library/%.o: IMAGE_CFLAGS += -Ibackends -fno-builtin -fno-tree-loop-distribute-patterns \
	-mgeneral-regs-only

$(BUILD)/image/%.c.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(IMAGE_CFLAGS) -c $< -o $@

$(BUILD)/image/%.S.o: %.S
	@mkdir -p $(@D)
	$(MUSL_CC) $(IMAGE_CFLAGS) -c $< -o $@

$(BUILD)/program/%.c.o: %.c
	@mkdir -p $(@D)
	$(MUSL_CC) $(PROGRAM_CFLAGS) -c $< -o $@

$(BUILD)/program/%.S.o: %.S
	@mkdir -p $(@D)
	$(MUSL_CC) $(PROGRAM_CFLAGS) -c $< -o $@

$(LIBRARY_RUNTIME): $(patsubst %,$(BUILD)/image/%.o,$(wildcard backends/library/*.[cS]) backends/common/system_call.S)
$(PROGRAM_RUNTIME): $(patsubst %,$(BUILD)/program/%.o,backends/runtime/attach.c backends/common/system_call.S)
$(LIBRARY_RUNTIME) $(PROGRAM_RUNTIME):
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $^

define portcullis_image
$(BUILD)/images/$(1).image $(BUILD)/images/$(1)_stubs.S &: $(2) $(3) $(LIBRARY_RUNTIME) $(MKIMAGE_SOURCES)
	@mkdir -p $(BUILD)/images
	$(MKIMAGE) --exports $(2) --runtime $(LIBRARY_RUNTIME) --output $(BUILD)/images/$(1).image \
		--stubs $(BUILD)/images/$(1)_stubs.S $(3)
$(BUILD)/images/$(1)_stubs.o: $(BUILD)/images/$(1)_stubs.S
	$(MUSL_CC) -c $$< -o $$@
ALL += $(BUILD)/images/$(1).image $(BUILD)/images/$(1)_stubs.o
endef

define portcullis_program
$(BUILD)/programs/$(1): $(2) $(3:%=$(BUILD)/images/%_stubs.o) $(PROGRAM_RUNTIME)
	@mkdir -p $(BUILD)/programs
	$(MUSL_CC) -static -o $$@ $$^
ALL += $(BUILD)/programs/$(1)
endef
