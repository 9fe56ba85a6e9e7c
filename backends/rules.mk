# Rules for protected libraries and the programs that use them, for the build.mk files here and, installed, for other makefiles.
#
#   $(eval $(call portcullis_image,NAME,EXPORTS,OBJECTS))      build/images/NAME.image and build/images/NAME_stubs.o
#   $(eval $(call portcullis_program,NAME,OBJECTS,LIBRARIES))  build/programs/NAME, linked with the stubs of LIBRARIES
#
# build/image/PATH.c.o is PATH.c compiled for an image, build/program/PATH.c.o for a program. Who includes this file has set
# PORTCULLIS_HEADERS (a folder), MKIMAGE, MKIMAGE_SOURCES, LIBRARY_RUNTIME and PROGRAM_RUNTIME.

# What is built is the same in whatever folder, and so is what loading it costs.
SAME_ANYWHERE := -ffile-prefix-map=$(CURDIR)=.

IMAGE_CFLAGS := -std=gnu11 -O2 -g $(SAME_ANYWHERE) $(WARNINGS) -fPIC -fno-stack-protector -fcf-protection=none -ffunction-sections \
	-fdata-sections -I$(PORTCULLIS_HEADERS) -MMD -MP
PROGRAM_CFLAGS := -std=gnu11 -O2 -g $(SAME_ANYWHERE) $(WARNINGS) -D_GNU_SOURCE -ffunction-sections -fdata-sections \
	-I$(PORTCULLIS_HEADERS) -MMD -MP

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
