# The database programs for the host, with the distribution's own builds of the databases: what the guest's answers are held to.
NATIVE := $(BUILD)/tests/workloads
NATIVE_COMMON := $(patsubst %,workloads/common/%.c,arguments histogram records zipfian) backends/runtime/direct.c

$(NATIVE)/kv_native: $(wildcard workloads/kv/*.c) $(NATIVE_COMMON)
$(NATIVE)/tx_native: $(wildcard workloads/tx/*.c) $(NATIVE_COMMON)
$(NATIVE)/kv_native: NATIVE_LIBRARIES := -llmdb -lsqlite3
$(NATIVE)/tx_native: NATIVE_LIBRARIES := -lsqlite3
$(NATIVE)/%_native:
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARNINGS) -D_GNU_SOURCE -Iworkloads -I$(PORTCULLIS_HEADERS) -o $@ $(filter %.c,$^) $(NATIVE_LIBRARIES)

TESTS += $(NATIVE)/kv_native $(NATIVE)/tx_native
