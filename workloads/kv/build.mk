# YCSB on database libraries: kv, protected; kv_direct, linked with the libraries themselves.
KV := workloads/kv
KV_OBJECTS := $(patsubst $(KV)/%.c,$(BUILD)/program/$(KV)/%.c.o,$(wildcard $(KV)/*.c)) $(COMMON_OBJECTS)

$(KV_OBJECTS): PROGRAM_CFLAGS += -Iworkloads -I$(LMDB_SOURCE) -I$(SQLITE_GENERATED)
$(KV_OBJECTS): | $(SQLITE_GENERATED)/sqlite3.h

$(eval $(call portcullis_program,kv,$(KV_OBJECTS),lmdb sqlite))

$(BUILD)/programs/kv_direct: $(KV_OBJECTS) $(LMDB_CORE) $(SQLITE_DIRECT) $(DIRECT_RUNTIME)
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^
ALL += $(BUILD)/programs/kv_direct
