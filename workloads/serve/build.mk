# A memcached server and its clients, over lwIP and LMDB in a domain each; NAME-direct links both directly, as the yardstick.
SERVE := workloads/serve
SERVE_SERVER := server channel commands connection load_mix protocol store
SERVE_LOAD := load channel load_mix
SERVE_REPLAY := replay channel session

$(BUILD)/program/$(SERVE)/%.o: PROGRAM_CFLAGS += -Iworkloads -Iworkloads/lwip -I$(LMDB_SOURCE)

# $(1): the program; $(2): its objects here; $(3): its libraries; $(4): their objects, to link directly
define serve_program
$(eval $(call portcullis_program,$(1),$(patsubst %,$(BUILD)/program/$(SERVE)/%.c.o,$(2)) \
	$(BUILD)/program/workloads/net/station.c.o $(COMMON_OBJECTS),$(3)))
$(BUILD)/programs/$(1)-direct: $(patsubst %,$(BUILD)/program/$(SERVE)/%.c.o,$(2)) \
		$(BUILD)/program/workloads/net/station.c.o $(COMMON_OBJECTS) $(4)
	@mkdir -p $$(@D)
	$(MUSL_CC) -static -o $$@ $$^
ALL += $(BUILD)/programs/$(1)-direct
endef
$(eval $(call serve_program,serve,$(SERVE_SERVER),lwip lmdb,$(LWIP_DIRECT) $(LMDB_CORE)))
$(eval $(call serve_program,serve-load,$(SERVE_LOAD),lwip,$(LWIP_DIRECT)))
$(eval $(call serve_program,serve-replay,$(SERVE_REPLAY),lwip,$(LWIP_DIRECT)))
