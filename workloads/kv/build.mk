# YCSB on database libraries: kv, protected; kv_direct, linked with the libraries themselves.
KV := workloads/kv
KV_OBJECTS := $(patsubst $(KV)/%.c,$(BUILD)/program/$(KV)/%.c.o,$(wildcard $(KV)/*.c)) $(COMMON_OBJECTS)

$(BUILD)/program/$(KV)/%.o: PROGRAM_CFLAGS += -Iworkloads -I$(LMDB_SOURCE)

$(eval $(call portcullis_program,kv,$(KV_OBJECTS),lmdb))

$(BUILD)/programs/kv_direct: $(KV_OBJECTS) $(LMDB_CORE) $(DIRECT_RUNTIME)
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^
ALL += $(BUILD)/programs/kv_direct
