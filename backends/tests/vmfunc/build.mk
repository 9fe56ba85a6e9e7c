VMFUNC_TESTS := backends/tests/vmfunc

# VMFUNC by the application itself, against the library `vault`.
$(BUILD)/program/$(VMFUNC_TESTS)/views.c.o: PROGRAM_CFLAGS += -Ibackends/tests/attacks
$(eval $(call portcullis_program,views,$(BUILD)/program/$(VMFUNC_TESTS)/views.c.o $(ATTACK_SUPPORT),vault))

# What the monitor and the views do for honest programs.
$(eval $(call portcullis_image,ledger,$(VMFUNC_TESTS)/ledger.exports,$(BUILD)/image/$(VMFUNC_TESTS)/ledger.c.o))
$(eval $(call portcullis_program,monitor,$(BUILD)/program/$(VMFUNC_TESTS)/monitor.c.o,ledger))
