# TPC-C on SQLite: tx, protected; tx_direct, linked with SQLite itself.
TX := workloads/tx
TX_OBJECTS := $(patsubst $(TX)/%.c,$(BUILD)/program/$(TX)/%.c.o,$(wildcard $(TX)/*.c)) $(COMMON_OBJECTS)

$(TX_OBJECTS): PROGRAM_CFLAGS += -Iworkloads -I$(SQLITE_GENERATED)
$(TX_OBJECTS): | $(SQLITE_GENERATED)/sqlite3.h

$(eval $(call portcullis_program,tx,$(TX_OBJECTS),sqlite))

$(BUILD)/programs/tx_direct: $(TX_OBJECTS) $(SQLITE_DIRECT) $(DIRECT_RUNTIME)
	@mkdir -p $(@D)
	$(MUSL_CC) -static -o $@ $^
ALL += $(BUILD)/programs/tx_direct
