# Attack programs against the library `vault`, and an honest program that only looks like one.
ATTACKS := backends/tests/attacks
ATTACK_PROGRAMS := stray memory deputy mapping jump state leak frame process interface
ATTACK_SUPPORT := $(patsubst %,$(BUILD)/program/$(ATTACKS)/%.c.o,attack code)

$(eval $(call portcullis_image,vault,$(ATTACKS)/vault.exports,$(patsubst %,$(BUILD)/image/$(ATTACKS)/%.c.o,vault vault_work)))
$(eval $(call portcullis_image,clerk,$(ATTACKS)/clerk.exports,$(BUILD)/image/$(ATTACKS)/clerk.c.o $(BUILD)/images/vault_stubs.o))
$(foreach program,$(ATTACK_PROGRAMS) harmless,\
	$(eval $(call portcullis_program,$(program),$(BUILD)/program/$(ATTACKS)/$(program).c.o $(ATTACK_SUPPORT),vault clerk)))
$(eval $(call portcullis_program,marker,$(BUILD)/program/$(ATTACKS)/marker.c.o,))
