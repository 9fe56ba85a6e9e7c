# VMFUNC by the application itself, against the library `vault`.
$(BUILD)/program/backends/tests/vmfunc/%.o: PROGRAM_CFLAGS += -Ibackends/tests/attacks
$(eval $(call portcullis_program,views,$(BUILD)/program/backends/tests/vmfunc/views.c.o $(ATTACK_SUPPORT),vault))
