# Unit tests of the launcher's pure code, under the sanitizers: build/host/tests/test_*.

HOST_UNIT := $(BUILD)/host/tests
HOST_UNIT_TESTS := $(patsubst host/tests/%.c,$(HOST_UNIT)/%,$(wildcard host/tests/test_*.c))
HOST_UNIT_OBJECTS := $(patsubst %,$(HOST_UNIT)/%.o,$(filter-out host/main.c,$(HOST_SOURCES)) $(HOST_SHARED))
HOST_UNIT_FLAGS := $(HOST_BUILD) -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(HOST_UNIT)/%.c.o: %.c $(BUILD)/host/include/host/commit.h
	@mkdir -p $(@D)
	$(CC) $(HOST_UNIT_FLAGS) -c $< -o $@

$(HOST_UNIT)/launcher.a: $(HOST_UNIT_OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(HOST_UNIT)/test_%: $(HOST_UNIT)/host/tests/test_%.c.o $(HOST_UNIT)/launcher.a
	$(CC) -pthread -fsanitize=address,undefined -o $@ $^

# The launcher for the rig, which has no shared libraries: libvirt is one, and look-ups of host names, for `collect`, need some.
$(HOST_UNIT)/portcullis: $(filter-out %/collect.c.o %/serial.c.o $(BUILD)/host/libvirt/%,$(HOST_OBJECTS))
	@mkdir -p $(@D)
	$(CC) -static -pthread -o $@ $^

# A KVM that is made up, to preload.
$(HOST_UNIT)/fake_kvm.so: host/tests/fake_kvm.c
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -shared -fPIC -o $@ $< -ldl

# A program for the guest.
$(HOST_UNIT)/words: host/tests/words.c
	@mkdir -p $(@D)
	$(MUSL_CC) -static -O2 $(WARNINGS) -o $@ $<

TESTS += $(HOST_UNIT_TESTS) $(HOST_UNIT)/portcullis $(HOST_UNIT)/fake_kvm.so $(HOST_UNIT)/words
