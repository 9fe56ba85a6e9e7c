# The differential tests: build/guest/tests/differential/differential, a static program for the guest and the build machine.

DIFFERENTIAL := $(BUILD)/guest/tests/differential
DIFFERENTIAL_OBJECTS := $(patsubst guest/tests/differential/%.c,$(DIFFERENTIAL)/%.o,$(wildcard guest/tests/differential/*.c))

$(DIFFERENTIAL)/%.o: guest/tests/differential/%.c
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu11 -O1 -g $(WARNINGS) -D_GNU_SOURCE -pthread -Iguest/tests/differential -MMD -MP -c $< -o $@

$(DIFFERENTIAL)/differential: $(DIFFERENTIAL_OBJECTS)
	$(MUSL_CC) -static -no-pie -pthread -o $@ $^

TESTS += $(DIFFERENTIAL)/differential
