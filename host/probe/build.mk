# What `portcullis engines` runs on each engine: build/guest/probe is its file system.
PROBE := host/probe
PROBE_ROOT := $(BUILD)/guest/probe
PROBE_FILES := $(PROBE_ROOT)/bin/tryout $(PROBE_ROOT)/lib/portcullis/cell.image

$(eval $(call portcullis_image,cell,$(PROBE)/cell.exports,$(BUILD)/image/$(PROBE)/cell.c.o))
$(eval $(call portcullis_program,tryout,$(BUILD)/program/$(PROBE)/tryout.c.o,cell))

$(PROBE_ROOT)/bin/tryout: $(BUILD)/programs/tryout
	@mkdir -p $(@D)
	objcopy --strip-all $< $@

$(PROBE_ROOT)/lib/portcullis/cell.image: $(BUILD)/images/cell.image
	@mkdir -p $(@D)
	cp $< $@

ALL += $(PROBE_FILES)
