# make install [PREFIX=DIR] [DESTDIR=DIR]: the launcher, and what libraries, programs and further backends are built with.
# make uninstall takes the same words and removes all of it.
#
#   bin/portcullis                   leads to lib/portcullis/portcullis, which finds kernel and ROM beside itself
#   lib/portcullis/guest/probe/      what `portcullis engines` runs
#   lib/portcullis/guest/            kernel.bin, kernel.elf, rom.bin; kernel.a and kernel.ld for a kernel with more backends
#   lib/portcullis/programs/, images/  what `portcullis calibrate` runs
#   lib/portcullis/portcullis-native the native platform, and native.a for one with more backends
#   lib/portcullis/include/          portcullis/ for applications and libraries, kernel/ and platform/ for backends
#   lib/portcullis/                  mkimage, the runtimes, and portcullis.mk, which makefiles include

PREFIX ?= /usr/local
INSTALL_LIB = $(DESTDIR)$(PREFIX)/lib/portcullis
INSTALL_KERNEL_HEADERS := $(filter-out tests/%,$(patsubst guest/%,%,$(wildcard guest/*.h guest/*/*.h)))
INSTALL_GUEST := $(patsubst %,$(BUILD)/guest/%,kernel.bin kernel.elf rom.bin kernel.a) guest/boot/kernel.ld

# What a backend of the native platform may include.
INSTALL_NATIVE_HEADERS := native/backend.h native/domain.h native/native.h native/native_calls.h native/places.h image/image.h

# Members of one name in different folders stay apart: q, not r.
$(BUILD)/guest/kernel.a: $(KERNEL_OBJECTS)
	rm -f $@
	ar qcs $@ $^

$(BUILD)/native/native.a: $(NATIVE_OBJECTS)
	rm -f $@
	ar qcs $@ $^

.PHONY: install
install: $(BUILD)/portcullis $(INSTALL_GUEST) $(PROBE_FILES) $(BUILD)/programs/calibrate $(BUILD)/images/empty.image $(LIBRARY_RUNTIME) \
		$(PROGRAM_RUNTIME) $(NATIVE_PLATFORM) $(BUILD)/native/native.a
	install -d $(DESTDIR)$(PREFIX)/bin $(INSTALL_LIB)/guest $(INSTALL_LIB)/imagerule $(INSTALL_LIB)/include/portcullis
	install -s $(BUILD)/portcullis $(NATIVE_PLATFORM) $(INSTALL_LIB)
	ln -sf ../lib/portcullis/portcullis $(DESTDIR)$(PREFIX)/bin/portcullis
	install -m 644 $(INSTALL_GUEST) $(INSTALL_LIB)/guest
	cp -r $(PROBE_ROOT) $(INSTALL_LIB)/guest
	install -D -s $(BUILD)/programs/calibrate $(INSTALL_LIB)/programs/calibrate
	install -D -m 644 $(BUILD)/images/empty.image $(INSTALL_LIB)/images/empty.image
	install -m 644 $(LIBRARY_RUNTIME) $(PROGRAM_RUNTIME) $(BUILD)/native/native.a $(INSTALL_LIB)
	objcopy --strip-debug $(INSTALL_LIB)/guest/kernel.elf
	for archive in guest/kernel.a native.a library.a libportcullis.a; do objcopy --strip-debug $(INSTALL_LIB)/$$archive || exit 1; done
	install $(MKIMAGE) $(INSTALL_LIB)
	install -m 644 $(wildcard backends/tools/imagerule/*.py) $(INSTALL_LIB)/imagerule
	install -m 644 backends/portcullis.mk backends/rules.mk guest/flags.mk backends/native/native.mk $(INSTALL_LIB)
	install -m 644 backends/include/portcullis/*.h $(INSTALL_LIB)/include/portcullis
	for header in $(INSTALL_KERNEL_HEADERS); do install -D -m 644 guest/$$header $(INSTALL_LIB)/include/kernel/$$header || exit 1; done
	install -m 644 backends/gate.h $(INSTALL_LIB)/include/kernel
	for header in $(INSTALL_NATIVE_HEADERS); do \
		install -D -m 644 backends/$$header $(INSTALL_LIB)/include/platform/$$header || exit 1; done

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/portcullis
	rm -rf $(INSTALL_LIB)

TESTS += $(BUILD)/guest/kernel.a $(BUILD)/native/native.a
