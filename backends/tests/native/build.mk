# Attacks on the native platform.
NATIVE_TESTS := backends/tests/native

$(eval $(call portcullis_image,keeper,$(NATIVE_TESTS)/keeper.exports,$(BUILD)/image/$(NATIVE_TESTS)/keeper.c.o))
$(eval $(call portcullis_program,siege,$(BUILD)/program/$(NATIVE_TESTS)/siege.c.o,keeper))
