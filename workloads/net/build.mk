# The network programs, over lwIP in a domain; NAME-direct links it directly, as the yardstick.
NET := workloads/net
NET_PROGRAMS := bulk echo rr udp

$(BUILD)/program/$(NET)/%.o: PROGRAM_CFLAGS += -Iworkloads -Iworkloads/lwip

# $(1): the program
define net_program
$(eval $(call portcullis_program,net-$(1),$(patsubst %,$(BUILD)/program/$(NET)/%.c.o,$(1) station) $(COMMON_OBJECTS),lwip))
$(BUILD)/programs/net-$(1)-direct: $(patsubst %,$(BUILD)/program/$(NET)/%.c.o,$(1) station) $(COMMON_OBJECTS) $(LWIP_DIRECT)
	@mkdir -p $$(@D)
	$(MUSL_CC) -static -o $$@ $$^
ALL += $(BUILD)/programs/net-$(1)-direct
endef
$(foreach program,$(NET_PROGRAMS),$(eval $(call net_program,$(program))))
